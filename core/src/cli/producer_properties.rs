//! A producer's settings from properties, by Kafka's names.

use super::failure::{Exception, Failure};
use super::properties_file::bootstrap;
use super::terminal::Terminal;
use crate::client::ProducerConfig;
use crate::config::Properties;
use crate::record::Compressor;
use crate::record::compression::{gzip, lz4, snappy, zstd};
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::ToString;

const CONFIG_EXCEPTION: &str = "org.apache.kafka.common.config.ConfigException";

/// A producer's settings.
///
/// # Errors
/// What Kafka's producer throws for those it does not take.
pub(super) fn producer_config(terminal: &Terminal, properties: &Properties) -> Result<ProducerConfig, Failure> {
    let Some(servers) = properties.value("bootstrap.servers") else {
        let message = "Missing required configuration \"bootstrap.servers\" which has no default value.";
        return Err(Exception::new(CONFIG_EXCEPTION, message).into());
    };
    let acks = match properties.value("acks").map_or("all", |acks| acks.trim()) {
        "all" | "-1" => -1,
        "0" => 0,
        "1" => 1,
        other => return Err(invalid("acks", other, "String must be one of: all, -1, 0, 1").into()),
    };
    let codec = properties.value("compression.type").map_or("none", |codec| codec.trim());
    let compression = compression(properties, codec)?;
    let defaults = ProducerConfig::default();
    let mut config = ProducerConfig {
        client_id: properties.value("client.id").cloned().unwrap_or(Str::from_static("producer-1")),
        acks,
        linger: millis(properties, "linger.ms", defaults.linger)?,
        batch_size: int(properties, "batch.size", defaults.batch_size as u32)? as usize,
        compression,
        max_in_flight: int(properties, "max.in.flight.requests.per.connection", defaults.max_in_flight as u32)?
            as usize,
        max_request_size: int(properties, "max.request.size", defaults.max_request_size as u32)? as usize,
        delivery_timeout: int_millis(properties, "delivery.timeout.ms", defaults.delivery_timeout)?,
        request_timeout: int_millis(properties, "request.timeout.ms", defaults.request_timeout)?,
        max_block: millis(properties, "max.block.ms", defaults.max_block)?,
        enable_idempotence: properties.value("enable.idempotence").is_none_or(|value| value.trim() != "false"),
        buffer_memory: usize::try_from(long(properties, "buffer.memory", defaults.buffer_memory as u64)?)
            .unwrap_or(usize::MAX),
        retries: int(properties, "retries", defaults.retries)?,
        retry_backoff: millis(properties, "retry.backoff.ms", defaults.retry_backoff)?,
        retry_backoff_max: millis(properties, "retry.backoff.max.ms", defaults.retry_backoff_max)?,
        metadata_max_age: millis(properties, "metadata.max.age.ms", defaults.metadata_max_age)?,
        transactional_id: properties.value("transactional.id").cloned(),
        transaction_timeout: int_millis(properties, "transaction.timeout.ms", defaults.transaction_timeout)?,
        ..defaults
    };
    if let Some(id) = &config.transactional_id {
        if id.is_empty() {
            return Err(invalid("transactional.id", "", "String must be non-empty").into());
        }
        if properties.value("client.id").is_none() {
            config.client_id = format!("producer-{id}").into();
        }
    }
    check_idempotence(properties, &config)?;
    let failed = |cause: &Exception| {
        Exception::new("org.apache.kafka.common.KafkaException", "Failed to construct kafka producer").because(cause)
    };
    if config.delivery_timeout < config.linger + config.request_timeout {
        if properties.value("delivery.timeout.ms").is_some() {
            let message = "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms";
            return Err(failed(&Exception::new(CONFIG_EXCEPTION, message)).into());
        }
        config.delivery_timeout = config.linger + config.request_timeout;
    }
    config.bootstrap = bootstrap(terminal, servers).map_err(|cause| failed(&cause))?;
    Ok(config)
}

/// What an idempotent producer wants of other settings: those that nobody asked to be idempotent are not, then.
fn check_idempotence(properties: &Properties, config: &ProducerConfig) -> Result<(), Exception> {
    let wrong = |message: &str| Err(Exception::new(CONFIG_EXCEPTION, message));
    let mut is_idempotent = config.enable_idempotence;
    if is_idempotent {
        let is_asked_for = properties.value("enable.idempotence").is_some();
        if is_asked_for && config.retries == 0 {
            return wrong("Must set retries to non-zero when using the idempotent producer.");
        }
        if is_asked_for && config.acks != -1 {
            return wrong(
                "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
            );
        }
        is_idempotent = config.retries > 0 && config.acks == -1;
    }
    if !is_idempotent && config.transactional_id.is_some() {
        return wrong("Cannot set a transactional.id without also enabling idempotence.");
    }
    Ok(())
}

/// What compresses with this codec, at the level that properties give. All levels are checked, as Kafka does.
///
/// # Errors
/// What Kafka's producer throws for a codec or level that it does not know.
pub(super) fn compression(properties: &Properties, codec: &str) -> Result<Option<Compressor>, Exception> {
    let gzip_level = level(properties, "compression.gzip.level", -1)?;
    if gzip_level != -1 && !(1..=9).contains(&gzip_level) {
        let why = "Value must be between 1 and 9 or equal to -1";
        return Err(invalid("compression.gzip.level", &gzip_level.to_string(), why));
    }
    for (key, default, least, most) in
        [("compression.lz4.level", 9, 1, 17), ("compression.zstd.level", 3, -131_072, 22)]
    {
        let value = level(properties, key, default)?;
        if value < least {
            return Err(invalid(key, &value.to_string(), &format!("Value must be at least {least}")));
        }
        if value > most {
            return Err(invalid(key, &value.to_string(), &format!("Value must be no more than {most}")));
        }
    }
    match codec {
        "none" => Ok(None),
        "gzip" => Ok(Some(gzip::compressor(gzip_level))),
        "snappy" => Ok(Some(snappy::compressor())),
        "lz4" => Ok(Some(lz4::compressor())),
        "zstd" => Ok(Some(zstd::compressor())),
        other => Err(invalid("compression.type", other, "String must be one of: none, gzip, snappy, lz4, zstd")),
    }
}

fn level(properties: &Properties, key: &str, default: i32) -> Result<i32, Exception> {
    let Some(text) = properties.value(key) else { return Ok(default) };
    text.trim().parse().map_err(|_| invalid(key, text, "Not a number of type INT"))
}

fn invalid(key: &str, value: &str, why: &str) -> Exception {
    Exception::new(CONFIG_EXCEPTION, format!("Invalid value {value} for configuration {key}: {why}"))
}

/// A number that is not negative; `class` is Kafka's name of its type.
fn number(properties: &Properties, key: &str, default: u64, class: &str, most: u64) -> Result<u64, Exception> {
    let Some(text) = properties.value(key) else { return Ok(default) };
    match text.trim().parse::<i64>() {
        Ok(value) if value < 0 => Err(invalid(key, text, "Value must be at least 0")),
        Ok(value) if value as u64 <= most => Ok(value as u64),
        _ => Err(invalid(key, text, &format!("Not a number of type {class}"))),
    }
}

fn int(properties: &Properties, key: &str, default: u32) -> Result<u32, Exception> {
    number(properties, key, default.into(), "INT", i32::MAX as u64).map(|value| value as u32)
}

fn long(properties: &Properties, key: &str, default: u64) -> Result<u64, Exception> {
    number(properties, key, default, "LONG", i64::MAX as u64)
}

fn int_millis(properties: &Properties, key: &str, default: Duration) -> Result<Duration, Exception> {
    number(properties, key, default.as_millis() as u64, "INT", i32::MAX as u64).map(Duration::from_millis)
}

fn millis(properties: &Properties, key: &str, default: Duration) -> Result<Duration, Exception> {
    // Longer than this is for ever; no sum of such overflows.
    const LONGEST: u64 = i64::MAX as u64 / 1_000_000;
    long(properties, key, default.as_millis() as u64).map(|ms| Duration::from_millis(ms.min(LONGEST)))
}

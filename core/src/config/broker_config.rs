//! [`BrokerConfig`]: `server.properties`, checked and typed.

use super::broker_sections::{
    GroupConfig, LifecycleConfig, LogConfigDefaults, MetadataLogConfig, NetworkConfig, QuorumConfig, ReplicationConfig,
    TopicDefaults, TransactionConfig,
};
use super::endpoint::{
    Endpoint, HostAndPort, ProtocolMap, QuorumVoter, SecurityProtocol, parse_bootstrap_servers, parse_endpoints,
    parse_protocol_map, parse_voters,
};
use super::key::{DefaultValue, UpdateMode};
use super::table::{broker_key, broker_keys, dynamic_key};
use super::value::{Value, Values};
use super::{ConfigError, Properties, TopicConfig};
use crate::ids::NodeId;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Values given for keys, as text.
pub type Overrides = SortedMap<Str, Str>;

/// What was set on a running broker, over its `server.properties`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DynamicConfigs {
    /// Of this broker alone.
    pub broker: Overrides,
    /// Of all brokers (`--entity-default`).
    pub cluster_default: Overrides,
}

/// Something in a file worth telling that stops nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigWarning {
    /// No key of Kafka 4.3.
    Unknown {
        /// The key.
        key: Str,
        /// Its line.
        line: u32,
    },
    /// A key of Kafka that changes nothing here.
    NotActedOn {
        /// The key.
        key: Str,
        /// Its line.
        line: u32,
    },
    /// A later line sets the same key.
    Repeated {
        /// The key.
        key: Str,
        /// The line that does not count.
        line: u32,
    },
}

/// The configuration of one node.
///
/// # Architecture Invariant
/// Everything typed here is derived from the texts given, once, in one place; a dynamic change makes a new value
/// ([`BrokerConfig::with_dynamic`]) and never edits one.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// This node's id.
    pub node_id: NodeId,
    /// `process.roles` has `broker`.
    pub is_broker: bool,
    /// `process.roles` has `controller`.
    pub is_controller: bool,
    /// `broker.rack`.
    pub rack: Option<Str>,
    /// Every address listened on, the controller's too.
    pub listeners: Vec<Endpoint>,
    /// What clients and brokers are told: never a controller listener, never an empty host.
    pub advertised_listeners: Vec<Endpoint>,
    /// `controller.listener.names`, in upper case; the first is the one used to reach the quorum.
    pub controller_listener_names: Vec<Str>,
    /// The listener brokers use among themselves.
    pub inter_broker_listener_name: Str,
    /// `controller.quorum.voters`, sorted by id; empty with a dynamic quorum.
    pub quorum_voters: Vec<QuorumVoter>,
    /// `controller.quorum.bootstrap.servers`.
    pub quorum_bootstrap_servers: Vec<HostAndPort>,
    /// The log directories, in order.
    pub log_dirs: Vec<Str>,
    /// Those of them that take nothing new: `cordoned.log.dirs` (KIP-1066).
    pub cordoned_log_dirs: Vec<Str>,
    /// The directory of `__cluster_metadata`; may be one outside `log_dirs`.
    pub metadata_log_dir: Str,
    /// The metadata quorum.
    pub quorum: QuorumConfig,
    /// The metadata log.
    pub metadata_log: MetadataLogConfig,
    /// Registration, heartbeats, shutdown.
    pub lifecycle: LifecycleConfig,
    /// What topics get that leave it open.
    pub topics: TopicDefaults,
    /// Followers and in-sync replicas.
    pub replication: ReplicationConfig,
    /// Connections and requests.
    pub network: NetworkConfig,
    /// All logs together.
    pub log: LogConfigDefaults,
    /// Groups and offsets.
    pub groups: GroupConfig,
    /// Transactions.
    pub transactions: TransactionConfig,
    /// The configuration of a topic that overrides nothing.
    pub topic_defaults: TopicConfig,
    given: Overrides,
    dynamic: DynamicConfigs,
    values: Values,
}

impl BrokerConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// The first mistake, in Kafka's words, with the key and its line.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let given = properties.iter().map(|property| (property.key.clone(), property.value.clone())).collect();
        Self::derive(given, DynamicConfigs::default()).map_err(|mut error| {
            error.line = error.key.as_ref().and_then(|key| properties.property(key)).map(|property| property.line);
            error
        })
    }

    /// The same file with other dynamic values over it. Those that no broker could be given are ignored: a controller that is
    /// asked itself does not look at them.
    ///
    /// # Errors
    /// What is wrong with all of it together; then nothing that is set dynamically counts.
    pub fn with_dynamic(&self, mut dynamic: DynamicConfigs) -> Result<Self, ConfigError> {
        dynamic.broker.retain(|name, value| is_possible(name, value));
        dynamic.cluster_default.retain(|name, value| {
            is_possible(name, value) && broker_key(name).is_none_or(|key| key.update_mode != UpdateMode::PerBroker)
        });
        Self::derive(self.given.clone(), dynamic)
    }

    /// What is odd about a file that can still be used.
    pub fn warnings(properties: &Properties) -> Vec<ConfigWarning> {
        let mut warnings = Vec::new();
        for property in properties.iter() {
            let (key, line) = (property.key.clone(), property.line);
            if properties.property(&key).is_some_and(|counts| counts.line != line) {
                warnings.push(ConfigWarning::Repeated { key: key.clone(), line });
            }
            match broker_key(&key) {
                None => warnings.push(ConfigWarning::Unknown { key, line }),
                Some(known) if !known.acted_on => warnings.push(ConfigWarning::NotActedOn { key, line }),
                Some(_) => {}
            }
        }
        warnings
    }

    /// Checks a dynamic change of broker keys by itself; `per_broker` where it is for one broker, not for all.
    pub fn validate_dynamic(changed: &Overrides, per_broker: bool) -> Result<(), ConfigError> {
        let with_mode = |refused: fn(UpdateMode) -> bool| -> Vec<&str> {
            let refused = |name: &&Str| broker_key(name).is_some_and(|key| refused(key.update_mode));
            changed.keys().filter(refused).map(Str::as_str).collect()
        };
        let read_only = with_mode(|mode| mode == UpdateMode::ReadOnly);
        if let Some(first) = read_only.first() {
            let message = format!("Cannot update these configs dynamically: [{}]", read_only.join(", "));
            return Err(ConfigError::of(first, message));
        }
        let one_broker = with_mode(|mode| mode == UpdateMode::PerBroker);
        if let (Some(first), false) = (one_broker.first(), per_broker) {
            let message = format!(
                "Cannot update these configs at default cluster level, broker id must be specified: [{}]",
                one_broker.join(", ")
            );
            return Err(ConfigError::of(first, message));
        }
        for (name, value) in changed {
            if let Some(key) = broker_key(name).or_else(|| dynamic_key(name)) {
                key.parse(value)?;
            }
        }
        Ok(())
    }

    /// Checks a change of what is set over this file from `now` to `then`, as the broker that is asked does before the
    /// controller hears of it; `per_broker` where it is for one broker, not for all.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn validate_change(
        &self,
        now: DynamicConfigs,
        then: DynamicConfigs,
        per_broker: bool,
    ) -> Result<(), ConfigError> {
        Self::validate_dynamic(if per_broker { &then.broker } else { &then.cluster_default }, per_broker)?;
        let after = self.with_dynamic(then)?;
        let before = self.with_dynamic(now);
        check_threads(before.as_ref().unwrap_or(self), &after)
    }

    /// The texts of the file, unknown keys included.
    pub fn given(&self) -> &Overrides {
        &self.given
    }

    /// The dynamic values over the file.
    pub fn dynamic(&self) -> &DynamicConfigs {
        &self.dynamic
    }

    /// The effective value of a key; [`Value::Unset`] where it has none or is unknown.
    pub fn value(&self, name: &str) -> &Value {
        self.values.value(name)
    }

    /// The highest kraft.version this node takes part in: with `controller.quorum.voters` the set of voters is fixed (0),
    /// without it the metadata log names the voters (1).
    pub fn supported_kraft_version(&self) -> i16 {
        i16::from(self.quorum_voters.is_empty())
    }

    /// The listener `name` is the controller's.
    pub fn is_controller_listener(&self, name: &str) -> bool {
        self.controller_listener_names.iter().any(|known| *known == *name)
    }

    fn derive(given: Overrides, dynamic: DynamicConfigs) -> Result<Self, ConfigError> {
        let values = parse(&given, &dynamic)?;
        check_numbers(&values)?;
        let quorum_voters = parse_voters(values.list("controller.quorum.voters").unwrap_or_default())?;
        let quorum_bootstrap_servers =
            parse_bootstrap_servers(values.list("controller.quorum.bootstrap.servers").unwrap_or_default())?;
        check_quorum(&values, &quorum_voters, &quorum_bootstrap_servers)?;
        let addresses = Addresses::read(&values, &given)?;
        let log_dirs = values.list("log.dirs").or_else(|| values.list("log.dir")).unwrap_or_default().to_vec();
        let cordoned_log_dirs = cordoned(values.list("cordoned.log.dirs").unwrap_or_default(), &log_dirs)?;
        let metadata_log_dir =
            values.text("metadata.log.dir").or_else(|| log_dirs.first().cloned()).unwrap_or_default();
        let mut config = Self {
            node_id: values.int("node.id"),
            is_broker: addresses.is_broker,
            is_controller: addresses.is_controller,
            rack: values.text("broker.rack"),
            listeners: addresses.listeners,
            advertised_listeners: addresses.advertised,
            controller_listener_names: addresses.controller_names,
            inter_broker_listener_name: addresses.inter_broker,
            quorum_voters,
            quorum_bootstrap_servers,
            log_dirs,
            cordoned_log_dirs,
            metadata_log_dir,
            quorum: QuorumConfig::of(&values),
            metadata_log: MetadataLogConfig::of(&values),
            lifecycle: LifecycleConfig::of(&values),
            topics: TopicDefaults::of(&values),
            replication: ReplicationConfig::of(&values),
            network: NetworkConfig::of(&values),
            log: LogConfigDefaults::of(&values),
            groups: GroupConfig::of(&values),
            transactions: TransactionConfig::of(&values),
            topic_defaults: TopicConfig::kafka_defaults(),
            given,
            dynamic,
            values,
        };
        config.topic_defaults = TopicConfig::of(&config.topic_values());
        Ok(config)
    }
}

/// Whether a key could have this value; of keys nobody knows it is not asked.
fn is_possible(name: &str, value: &str) -> bool {
    broker_key(name).or_else(|| dynamic_key(name)).is_none_or(|key| key.parse(value).is_ok())
}

/// The log directories that take nothing new (KIP-1066).
fn cordoned(named: &[Str], log_dirs: &[Str]) -> Result<Vec<Str>, ConfigError> {
    const KEY: &str = "cordoned.log.dirs";
    let failed = |message: String| Err(ConfigError::of(KEY, format!("requirement failed: {message}")));
    if named.iter().any(|name| *name == *"*") {
        if named.len() > 1 {
            return failed(format!("When {KEY} is set to *, it must not contain other values"));
        }
        return Ok(log_dirs.to_vec());
    }
    let missing: Vec<&str> = named.iter().filter(|name| !log_dirs.contains(name)).map(Str::as_str).collect();
    if missing.is_empty() {
        return Ok(named.to_vec());
    }
    let missing = missing.join(", ");
    failed(format!("All entries in {KEY} must be present in log.dirs or log.dir. Missing entries : {missing}"))
}

/// Pools of threads at most double or halve while a broker runs.
fn check_threads(before: &BrokerConfig, after: &BrokerConfig) -> Result<(), ConfigError> {
    const POOLS: [&str; 4] =
        ["num.io.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads"];
    const CLEANER: &str = "log.cleaner.threads";
    let of = |key: &str| (i64::from(before.values.int(key)), i64::from(after.values.int(key)));
    let refused = |key: &str, why: String| {
        let why = format!("org.apache.kafka.common.config.ConfigException: {why}");
        Err(ConfigError::of(key, format!("Invalid value {why} for configuration Invalid dynamic configuration")))
    };
    for key in POOLS {
        let (old, new) = of(key);
        let problem = if new < old / 2 {
            "at least half"
        } else if new > old * 2 {
            "not be greater than double"
        } else {
            continue;
        };
        let verb = if new < old { "be " } else { "" };
        return refused(
            key,
            format!(
                "Dynamic thread count update validation failed for {key}={new}, value should {verb}{problem} the current \
                 value {old}"
            ),
        );
    }
    let (old, new) = of(CLEANER);
    if new < old / 2 {
        return refused(
            CLEANER,
            format!("Log cleaner threads cannot be reduced to less than half the current value {old}"),
        );
    }
    if new > old * 2 {
        return refused(
            CLEANER,
            format!("Log cleaner threads cannot be increased to more than double the current value {old}"),
        );
    }
    Ok(())
}

fn parse(given: &Overrides, dynamic: &DynamicConfigs) -> Result<Values, ConfigError> {
    let mut values = Values::defaults(broker_keys());
    // `broker.id` stands in for `node.id`, and the other way round.
    let node_id = given.get("node.id").or_else(|| given.get("broker.id"));
    if let (Some(node), Some(broker)) = (given.get("node.id"), given.get("broker.id"))
        && node != broker
    {
        return Err(ConfigError::of("node.id", "You must set `node.id` to the same value as `broker.id`."));
    }
    let required = ["process.roles", "node.id", "controller.listener.names"];
    for name in required {
        let is_given = if name == "node.id" { node_id.is_some() } else { given.contains_key(name) };
        if !is_given {
            let message = format!("Missing required configuration \"{name}\" which has no default value.");
            return Err(ConfigError::of(name, message));
        }
    }
    debug_assert!(broker_keys().filter(|key| key.default == DefaultValue::Required).count() == required.len());
    for key in broker_keys() {
        let text = match key.name {
            "node.id" | "broker.id" => node_id,
            name => dynamic
                .broker
                .get(name)
                .or_else(|| dynamic.cluster_default.get(name))
                .filter(|_| key.update_mode != UpdateMode::ReadOnly)
                .or_else(|| given.get(name)),
        };
        if let Some(text) = text {
            values.set(key.name, key.parse(text)?);
        }
    }
    Ok(values)
}

/// A node must know how to reach the quorum, and a fixed set of voters must agree with its roles.
fn check_quorum(values: &Values, voters: &[QuorumVoter], bootstrap: &[HostAndPort]) -> Result<(), ConfigError> {
    const VOTERS: &str = "controller.quorum.voters";
    if voters.is_empty() && bootstrap.is_empty() {
        let message = format!(
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap \
             controllers or {VOTERS} must contain a parseable set of controllers."
        );
        return Err(ConfigError::of(VOTERS, message));
    }
    let id = values.int("node.id");
    let is_controller = has_role(values, "controller");
    let is_voter = voters.iter().any(|voter| voter.id == id);
    let (role, negation) = match (is_controller, is_voter) {
        (false, true) => ("just the 'broker'", " not"),
        (true, false) if !voters.is_empty() => ("the 'controller'", ""),
        _ => return Ok(()),
    };
    let ids: Vec<String> = voters.iter().map(|voter| voter.id.to_string()).collect();
    let message = format!(
        "requirement failed: If process.roles contains {role} role, the node id {id} must{negation} be included in the \
         set of voters {VOTERS}=Set({})",
        ids.join(", ")
    );
    Err(ConfigError::of("node.id", message))
}

fn has_role(values: &Values, role: &str) -> bool {
    values.list("process.roles").unwrap_or_default().iter().any(|entry| *entry == *role)
}

/// Rules between keys that the table cannot say.
fn check_numbers(values: &Values) -> Result<(), ConfigError> {
    let require = |holds: bool, key: &str, text: &str| {
        if holds { Ok(()) } else { Err(ConfigError::of(key, format!("requirement failed: {text}"))) }
    };
    require(
        values.optional("log.roll.ms").is_none_or(|millis| millis >= 1),
        "log.roll.ms",
        "log.roll.ms must be greater than or equal to 1",
    )?;
    require(
        values.optional("log.roll.jitter.ms").is_none_or(|millis| millis >= 0),
        "log.roll.jitter.ms",
        "log.roll.jitter.ms must be greater than or equal to 0",
    )?;
    let retention_key = ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        .into_iter()
        .find(|name| values.optional(name).is_some())
        .unwrap_or("log.retention.hours");
    require(
        values.long(retention_key) != 0,
        retention_key,
        "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
    )?;
    let buffer_per_thread = values.long("log.cleaner.dedupe.buffer.size") / values.long("log.cleaner.threads").max(1);
    require(
        !values.boolean("log.cleaner.enable") || buffer_per_thread >= 1_048_576,
        "log.cleaner.dedupe.buffer.size",
        "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
    )?;
    let fetch_wait = values.long("replica.fetch.wait.max.ms");
    require(
        fetch_wait <= values.long("replica.socket.timeout.ms"),
        "replica.socket.timeout.ms",
        "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket \
         timeouts",
    )?;
    require(
        fetch_wait <= values.long("replica.lag.time.max.ms"),
        "replica.fetch.wait.max.ms",
        "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent \
         changes in ISR",
    )?;
    let queued = values.long("queued.max.request.bytes");
    require(
        queued <= 0 || queued >= values.long("socket.request.max.bytes"),
        "queued.max.request.bytes",
        "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
    )
}

/// Everything about addresses, which only makes sense together.
struct Addresses {
    is_broker: bool,
    is_controller: bool,
    listeners: Vec<Endpoint>,
    advertised: Vec<Endpoint>,
    controller_names: Vec<Str>,
    inter_broker: Str,
}

impl Addresses {
    fn read(values: &Values, given: &Overrides) -> Result<Self, ConfigError> {
        let (is_broker, is_controller) = (has_role(values, "broker"), has_role(values, "controller"));
        let controller_names: Vec<Str> = values
            .list("controller.listener.names")
            .unwrap_or_default()
            .iter()
            .map(|name| Str::from(name.to_uppercase()))
            .collect();
        let map = protocol_map(values, given, &controller_names)?;
        let listeners = parse_endpoints("listeners", values.list("listeners").unwrap_or_default(), &map, true)?;
        if let Some(endpoint) = listeners.iter().find(|known| known.security_protocol != SecurityProtocol::Plaintext) {
            let (name, protocol) = (&endpoint.listener, endpoint.security_protocol.name());
            let message =
                format!("Listener {name} asks for {protocol}: the playground's connections are all PLAINTEXT");
            return Err(ConfigError::of("listeners", message));
        }
        let is_controller_name = |endpoint: &Endpoint| controller_names.contains(&endpoint.listener);
        let inter_broker = inter_broker_listener(values, given, &map)?;
        check_roles(is_broker, is_controller, &listeners, is_controller_name)?;
        let mut advertised = match values.list("advertised.listeners") {
            Some(entries) => parse_endpoints("advertised.listeners", entries, &map, false)?,
            None => listeners.clone(),
        };
        advertised.retain(|endpoint| is_broker && !is_controller_name(endpoint));
        if is_broker {
            check_advertised(&advertised, &listeners, &inter_broker)?;
        }
        for endpoint in &mut advertised {
            if endpoint.host.is_empty() {
                endpoint.host = Str::from_static("localhost");
            }
        }
        Ok(Self { is_broker, is_controller, listeners, advertised, controller_names, inter_broker })
    }
}

/// The map given, or Kafka's default with the controller listeners as PLAINTEXT while nothing else is secured.
fn protocol_map(values: &Values, given: &Overrides, controller_names: &[Str]) -> Result<ProtocolMap, ConfigError> {
    const KEY: &str = "listener.security.protocol.map";
    let mut map = parse_protocol_map(&values.text(KEY).unwrap_or_default())?;
    let secured = ["SSL://", "SASL_SSL://", "SASL_PLAINTEXT://"];
    let any_secured = values
        .list("listeners")
        .unwrap_or_default()
        .iter()
        .any(|entry| secured.iter().any(|prefix| entry.to_uppercase().starts_with(prefix)));
    if !given.contains_key(KEY) && !any_secured {
        for name in controller_names {
            map.entry(name.clone()).or_insert(SecurityProtocol::Plaintext);
        }
    }
    Ok(map)
}

fn inter_broker_listener(values: &Values, given: &Overrides, map: &ProtocolMap) -> Result<Str, ConfigError> {
    const KEY: &str = "inter.broker.listener.name";
    let Some(name) = values.text(KEY) else {
        return Ok(values.text("security.inter.broker.protocol").unwrap_or_default());
    };
    if given.contains_key("security.inter.broker.protocol") {
        let message = format!("Only one of {KEY} and security.inter.broker.protocol should be set.");
        return Err(ConfigError::of(KEY, message));
    }
    let name = Str::from(name.to_uppercase());
    if map.contains_key(&name) {
        return Ok(name);
    }
    let message = format!("Listener with name {name} defined in {KEY} not found in listener.security.protocol.map.");
    Err(ConfigError::of(KEY, message))
}

fn check_roles(
    is_broker: bool,
    is_controller: bool,
    listeners: &[Endpoint],
    is_controller_name: impl Fn(&Endpoint) -> bool,
) -> Result<(), ConfigError> {
    let fail = |key: &str, text: &str| Err(ConfigError::of(key, format!("requirement failed: {text}")));
    let any_controller = listeners.iter().any(&is_controller_name);
    if is_controller && !is_broker && !listeners.iter().all(&is_controller_name) {
        return fail(
            "listeners",
            "The listeners config must only contain KRaft controller listeners from controller.listener.names when \
             process.roles=controller",
        );
    }
    if is_controller && !any_controller {
        return fail(
            "controller.listener.names",
            "controller.listener.names must contain at least one value appearing in the 'listeners' configuration when \
             running the KRaft controller role",
        );
    }
    if !is_controller && any_controller {
        return fail(
            "controller.listener.names",
            "controller.listener.names must not contain a value appearing in the 'listeners' configuration when \
             running KRaft with just the broker role",
        );
    }
    Ok(())
}

fn check_advertised(advertised: &[Endpoint], listeners: &[Endpoint], inter_broker: &Str) -> Result<(), ConfigError> {
    const KEY: &str = "advertised.listeners";
    let fail = |key: &str, text: String| Err(ConfigError::of(key, format!("requirement failed: {text}")));
    if advertised.is_empty() {
        let text = "There must be at least one broker advertised listener. Perhaps all listeners appear in \
                    controller.listener.names?";
        return fail(KEY, text.into());
    }
    let names = |endpoints: &[Endpoint]| {
        endpoints.iter().map(|endpoint| endpoint.listener.as_str()).collect::<Vec<_>>().join(",")
    };
    if advertised.iter().any(|endpoint| !listeners.iter().any(|known| known.listener == endpoint.listener)) {
        let (found, known) = (names(advertised), names(listeners));
        return fail(
            KEY,
            format!(
                "{KEY} listener names must be equal to or a subset of the ones defined in listeners. Found {found}. \
                 The valid options based on the current configuration are {known}"
            ),
        );
    }
    if !advertised.iter().any(|endpoint| endpoint.listener == *inter_broker) {
        let known = names(advertised);
        let text = format!(
            "inter.broker.listener.name must be a listener name defined in {KEY}. The valid options based on currently \
             configured listeners are {known}"
        );
        return fail("inter.broker.listener.name", text);
    }
    if advertised.iter().any(|endpoint| endpoint.host == *"0.0.0.0") {
        return fail(KEY, format!("{KEY} cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."));
    }
    Ok(())
}

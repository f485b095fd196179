//! How a tool ends before its end.

use crate::client::{AdminError, TransactionError, TransactionErrorKind};
use crate::protocol::ErrorCode;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Why a tool goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// All is said; the exit code.
    Exit(i32),
    /// An exception, as Java would have thrown it.
    Thrown(Exception),
}

/// A Java exception: what a tool prints of it. Shown as a stack trace without its `at` lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// Its class, in full.
    pub(super) class: String,
    /// Its message.
    pub(super) message: String,
    /// What failed beside it.
    pub(super) suppressed: Vec<String>,
    /// What caused it, and what caused that.
    pub(super) causes: Vec<String>,
}

impl Exception {
    pub(super) fn new(class: &str, message: impl Into<String>) -> Self {
        Self { class: class.to_string(), message: message.into(), suppressed: Vec::new(), causes: Vec::new() }
    }

    /// What Kafka's clients throw for an error of the protocol; without a message it is Kafka's own for that.
    pub(super) fn of(error: ErrorCode, message: Option<&str>) -> Self {
        Self::new(&class_of(error), message.unwrap_or(error.message()))
    }

    /// The error of the protocol that this is thrown for.
    pub(super) fn error(&self) -> Option<ErrorCode> {
        self.class.strip_prefix("org.apache.kafka.common.")?;
        (-1..200).filter_map(ErrorCode::from_code).find(|error| class_of(*error) == self.class)
    }

    /// With this as its cause.
    pub(super) fn because(mut self, cause: &Self) -> Self {
        self.causes.push(format!("{}: {}", cause.class, cause.message));
        self.causes.extend(cause.causes.iter().cloned());
        self
    }

    /// `java.lang.IllegalArgumentException`.
    pub(super) fn illegal_argument(message: impl Into<String>) -> Self {
        Self::new("java.lang.IllegalArgumentException", message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.class)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        self.suppressed.iter().try_for_each(|other| write!(f, "\n\tSuppressed: {other}"))?;
        self.causes.iter().try_for_each(|cause| write!(f, "\nCaused by: {cause}"))
    }
}

impl From<Exception> for Failure {
    fn from(exception: Exception) -> Self {
        Self::Thrown(exception)
    }
}

impl From<AdminError> for Exception {
    fn from(error: AdminError) -> Self {
        Self::of(error.error, Some(&error.message))
    }
}

impl From<&TransactionError> for Exception {
    fn from(error: &TransactionError) -> Self {
        let class = match error.kind {
            TransactionErrorKind::Api(error) => class_of(error),
            TransactionErrorKind::Kafka => KAFKA_EXCEPTION.to_string(),
            TransactionErrorKind::IllegalState => "java.lang.IllegalStateException".to_string(),
            TransactionErrorKind::IllegalArgument => "java.lang.IllegalArgumentException".to_string(),
            TransactionErrorKind::CommitFailed => "org.apache.kafka.clients.consumer.CommitFailedException".to_string(),
            TransactionErrorKind::Aborted => format!("{ERRORS}TransactionAbortedException"),
        };
        let exception = Self::new(&class, &*error.message);
        match &error.cause {
            Some(cause) => exception.because(&Self::from(&**cause)),
            None => exception,
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        Self::Thrown(error.into())
    }
}

/// What Kafka's tools throw where the message says all: no trace is printed.
pub(super) fn terse(message: impl Into<String>) -> Exception {
    Exception::new(TERSE, message)
}

/// The class of these.
pub(super) const TERSE: &str = "org.apache.kafka.tools.TerseException";

/// An error of an answer, thrown; nothing where there is none.
pub(super) fn thrown(code: i16, message: Option<&str>) -> Result<(), Exception> {
    match ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError) {
        ErrorCode::None => Ok(()),
        error => Err(Exception::of(error, message)),
    }
}

/// An exception around another, as Java prints it.
pub(super) fn wrapped(class: &str, cause: &Exception) -> Exception {
    Exception::new(class, format!("{}: {}", cause.class, cause.message)).because(cause)
}

/// The class of exceptions for an error: most are called like the error.
pub(super) fn class_of(error: ErrorCode) -> String {
    // The only one that is in a package of its own.
    if error == ErrorCode::InvalidRecord {
        return "org.apache.kafka.common.InvalidRecordException".to_string();
    }
    let irregular = match error {
        ErrorCode::UnknownServerError => "UnknownServerException",
        ErrorCode::CorruptMessage => "CorruptRecordException",
        ErrorCode::InvalidFetchSize => "InvalidFetchSizeException",
        ErrorCode::RequestTimedOut => "TimeoutException",
        ErrorCode::MessageTooLarge => "RecordTooLargeException",
        ErrorCode::StaleControllerEpoch => "ControllerMovedException",
        ErrorCode::OffsetMetadataTooLarge => "OffsetMetadataTooLarge",
        ErrorCode::RecordListTooLarge => "RecordBatchTooLargeException",
        ErrorCode::TopicAlreadyExists => "TopicExistsException",
        ErrorCode::InvalidConfig => "InvalidConfigurationException",
        ErrorCode::OutOfOrderSequenceNumber => "OutOfOrderSequenceException",
        ErrorCode::DuplicateSequenceNumber => "DuplicateSequenceException",
        ErrorCode::InvalidProducerIdMapping => "InvalidPidMappingException",
        ErrorCode::InvalidTransactionTimeout => "InvalidTxnTimeoutException",
        ErrorCode::KafkaStorageError => "KafkaStorageException",
        ErrorCode::NonEmptyGroup => "GroupNotEmptyException",
        ErrorCode::FetchSessionTopicIdError => "FetchSessionTopicIdException",
        ErrorCode::FeatureUpdateFailed => "FeatureUpdateFailedException",
        ErrorCode::SaslAuthenticationFailed => "SaslAuthenticationException",
        _ => "",
    };
    if !irregular.is_empty() {
        return format!("{ERRORS}{irregular}");
    }
    let mut class = String::from(ERRORS);
    let name = error.name();
    let name = name.strip_suffix("_FAILED").or(name.strip_suffix("_EXCEPTION")).unwrap_or(name);
    for word in name.split('_') {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        class.push_str(first);
        class.push_str(&rest.to_ascii_lowercase());
    }
    class.push_str("Exception");
    class
}

/// The class of what has no error of its own in the protocol.
pub(super) const KAFKA_EXCEPTION: &str = "org.apache.kafka.common.KafkaException";

/// Where the exceptions of the protocol are.
const ERRORS: &str = "org.apache.kafka.common.errors.";

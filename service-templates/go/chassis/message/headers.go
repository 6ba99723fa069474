package message

// Headers of a record: CloudEvents 1.0 in Kafka's binary mode, extensions of the fleet, and traces.
const (
	ContentType   = "content-type"
	SpecVersion   = "ce_specversion"
	ID            = "ce_id"
	Source        = "ce_source"
	Type          = "ce_type"
	Time          = "ce_time"
	Subject       = "ce_subject"
	DataSchema    = "ce_dataschema"
	PartitionKey  = "ce_partitionkey"
	Sequence      = "ce_sequence" // of the topic and key: 20 digits, so that text sorts like numbers
	CorrelationID = "ce_correlationid"
	CausationID   = "ce_causationid"
	RecordedTime  = "ce_recordedtime"
	ExpiryTime    = "ce_expirytime"

	SagaID        = "ce_sagaid"
	SagaType      = "ce_sagatype"
	SagaStep      = "ce_sagastep"
	SagaDirection = "ce_sagadir"
	SagaPart      = "ce_sagapart"
	SagaVersion   = "ce_sagaversion"
	ReplyTo       = "ce_replyto"
	Outcome       = "ce_outcome"
	ErrorCode     = "ce_errorcode"
	Retryable     = "ce_retryable"

	TraceParent   = "traceparent"    // the last hop
	TraceState    = "tracestate"     //
	Baggage       = "baggage"        //
	CreationTrace = "ce_traceparent" // the span in which the message was made

	RedriveCount = "dlq_redrive_count"
)

// Types of messages that the chassis itself gives a meaning.
const (
	// GapType marks a sequence number whose message was discarded: consumers move their cursor over it.
	GapType = "fleet.gap.v1"
	// ReplyType is what replies to commands of sagas are dispatched under. Most carry the event that the command led to,
	// and its type: seen as events, they would set off policies a second time.
	ReplyType = "fleet.saga.reply.v1"
)

// Content types of payloads.
const (
	Avro     = "application/avro"
	Protobuf = "application/protobuf"
	JSON     = "application/json"
)

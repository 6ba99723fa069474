package message

import "github.com/google/uuid"

// Draft is what a message without a type of its own in the service's code says, before it is in its envelope: commands of
// sagas, replies and notices. Either Wire is to be encoded by the type's schema, or Payload is in wire format already.
type Draft struct {
	Type        string // ce_type
	Wire        map[string]any
	Payload     []byte
	ContentType string // of the payload
	Topic       string
	Key         string
	Subject     string
	Headers     map[string]string
	ID          uuid.UUID // zero for a new one
}

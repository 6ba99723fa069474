package definition

import "encoding/json"

// Route is an HTTP route; its path holds {wireName} for the key.
type Route struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// Protobuf is a message in Protobuf: its full name, its text for the registry, its FileDescriptorProto in JSON.
type Protobuf struct {
	Message    string          `json:"message"`
	Text       string          `json:"text"`
	Descriptor json.RawMessage `json:"descriptor"`
}

// Message is anything on the bus: Type is its ce_type, Avro its schema; with Protobuf it is written in that. Compatibility
// is the registry's level for it; without one, commands and events have their usual ones.
type Message struct {
	Name          Name            `json:"name"`
	Fields        []Field         `json:"fields"`
	Type          string          `json:"type"`
	Topic         string          `json:"topic"`
	Avro          json.RawMessage `json:"avro"`
	Protobuf      *Protobuf       `json:"protobuf"`
	Compatibility string          `json:"compatibility"`
}

// Event: Key and Subject are wire names of fields, the partition key and the aggregate's id.
type Event struct {
	Message
	Owner     string `json:"owner"`
	Aggregate string `json:"aggregate"`
	Key       string `json:"key"`
	Subject   string `json:"subject"`
}

// Command of this service, or a foreign one that its sagas send. Target is new, existing or collection; Starts names the
// saga that it begins.
type Command struct {
	Message
	Aggregate Name     `json:"aggregate"`
	Target    string   `json:"target"`
	Emits     Name     `json:"emits"`
	Rejection *Name    `json:"rejection"`
	To        string   `json:"to"`
	Exposure  string   `json:"exposure"`
	Scopes    []string `json:"scopes"`
	Route     Route    `json:"route"`
	Starts    string   `json:"starts"`
}

// Query: by-key gives one aggregate, search pages.
type Query struct {
	Name      Name     `json:"name"`
	Aggregate Name     `json:"aggregate"`
	Kind      string   `json:"kind"`
	Takes     []Field  `json:"takes"`
	Gives     []Field  `json:"gives"`
	Exposure  string   `json:"exposure"`
	Scopes    []string `json:"scopes"`
	Route     Route    `json:"route"`
}

// Policy: whenever the event is seen, do the command.
type Policy struct {
	Name       Name      `json:"name"`
	Event      Name      `json:"event"`
	Command    Name      `json:"command"`
	Bindings   []Binding `json:"bindings"`
	ForEach    *Source   `json:"for_each"`
	FoundBy    string    `json:"found_by"`
	FoundValue *Source   `json:"found_value"`
}

// ProjectionSource is an event that changes a projection: the row of the aggregate whose id Subject (wire name) holds.
type ProjectionSource struct {
	Event     Name   `json:"event"`
	Aggregate string `json:"aggregate"`
	Subject   string `json:"subject"`
	State     string `json:"state"`
	Creates   bool   `json:"creates"`
}

// Projection is a table that follows events: a read model of own ones, or a copy of another context's data.
type Projection struct {
	Name        Name               `json:"name"`
	Kind        string             `json:"kind"` // read-model or copy
	Row         Name               `json:"row"`
	Table       string             `json:"table"`
	Key         Field              `json:"key"`
	Fields      []Field            `json:"fields"`
	Sources     []ProjectionSource `json:"sources"`
	Topics      []string           `json:"topics"`
	StaleAtMost *float64           `json:"stale_at_most"`
	Route       *Route             `json:"route"`
	Exposure    string             `json:"exposure"`
	Scopes      []string           `json:"scopes"`
}

// Translation is an event that the service's own translator turns into its own terms.
type Translation struct {
	Event    Name   `json:"event"`
	Upstream string `json:"upstream"`
	Observed bool   `json:"observed"`
	Used     bool   `json:"used"`
}

// Topic this service writes. Retention is in seconds.
type Topic struct {
	Name       string  `json:"name"`
	Partitions int     `json:"partitions"`
	Replicas   int     `json:"replicas"`
	Retention  float64 `json:"retention"`
}

// Subscription to a topic: every record passes the inbox, only Events are handled.
type Subscription struct {
	Topic   string   `json:"topic"`
	Ordered bool     `json:"ordered"`
	Events  []string `json:"events"`
}

// UnmarshalJSON reads a subscription; one that says nothing of order is ordered.
func (s *Subscription) UnmarshalJSON(text []byte) error {
	type plain Subscription
	read := plain{Ordered: true}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*s = Subscription(read)
	return nil
}

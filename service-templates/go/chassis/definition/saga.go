package definition

// Source is where an input comes from: message, item, rejection, literal or absent. Paths are wire names.
type Source struct {
	Kind    string   `json:"kind"`
	Message string   `json:"message"`
	Path    []string `json:"path"`
	Value   any      `json:"value"`
}

// Binding of the input of that wire name.
type Binding struct {
	Input  string `json:"input"`
	Source Source `json:"source"`
}

// SagaStep is one step. SucceedsWith, RefusesWith and UndoneWith are event names or empty; Within is in seconds.
type SagaStep struct {
	Name         string    `json:"name"`
	Service      string    `json:"service"`
	Kind         string    `json:"kind"` // compensatable, pivot or retriable
	Call         bool      `json:"call"`
	Route        Route     `json:"route"`
	CommandTopic string    `json:"command_topic"`
	CommandType  string    `json:"command_type"`
	SucceedsWith string    `json:"succeeds_with"`
	RefusesWith  string    `json:"refuses_with"`
	Undo         string    `json:"undo"`
	UndoType     string    `json:"undo_type"`
	UndoneWith   string    `json:"undone_with"`
	Bindings     []Binding `json:"bindings"`
	UndoBindings []Binding `json:"undo_bindings"`
	ForEach      *Source   `json:"for_each"`
	Within       float64   `json:"within"`
}

// Saga that this service takes part in, whole. Timeout is in seconds.
type Saga struct {
	Name            Name       `json:"name"`
	Mode            string     `json:"mode"` // choreography or orchestration
	Owner           string     `json:"owner"`
	Version         int        `json:"version"`
	Timeout         float64    `json:"timeout"`
	Stuck           string     `json:"stuck"` // manual or alert
	Steps           []SagaStep `json:"steps"`
	FulfilmentTopic string     `json:"fulfilment_topic"`
}

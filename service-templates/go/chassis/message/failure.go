package message

// Reasons why a record becomes a dead letter.
const (
	Deserialize = "deserialize"
	Schema      = "schema"
	Validation  = "validation"
	Handling    = "handler"
	Timeout     = "timeout"
	Expired     = "expired"
	Gap         = "gap"
)

// PermanentFailure says that trying again cannot help. Reason is one of those above.
type PermanentFailure struct {
	Text   string
	Reason string
}

func (f *PermanentFailure) Error() string { return f.Text }

package message

// Invalid is a payload that does not fit its message. Trying again cannot help, and whoever wrote it is to be told.
type Invalid struct{ Text string }

func (e *Invalid) Error() string { return e.Text }

package message

import "strings"

// FieldError is what is wrong with one field; Pointer is its JSON pointer.
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Invalid is a payload that does not fit its message: all that is wrong with it.
type Invalid struct{ Errors []FieldError }

func (e *Invalid) Error() string {
	texts := make([]string, len(e.Errors))
	for i, each := range e.Errors {
		at := each.Pointer
		if at == "" {
			at = "/"
		}
		texts[i] = at + " " + each.Detail
	}
	return strings.Join(texts, "; ")
}

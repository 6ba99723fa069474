package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"chassis/definition"
	"chassis/identity"
	"chassis/message"
	"chassis/paging"
	"chassis/wire"
)

const (
	bodyMost        = 1 << 20
	correlationMost = 128

	correlationHeader = "x-correlation-id"
	deadlineHeader    = "x-deadline-ms"
	sagaIDHeader      = "x-saga-id"
)

// incoming is a request as the rest of the interface wants it: read within limits, and with its deadline.
type incoming struct {
	header      http.Header
	path        map[string]string
	query       url.Values
	body        []byte
	correlation string
	deadline    time.Time
}

// remaining is how long the caller still waits; a 504 problem when that was before now.
func (in *incoming) remaining() (time.Duration, error) {
	left := time.Until(in.deadline)
	if left <= 0 {
		return 0, deadlinePassed()
	}
	return left, nil
}

// saga is the saga step that this call carries out. Only to be believed when a service of the fleet calls.
func (in *incoming) saga() *message.Saga {
	id, err := uuid.Parse(in.header.Get(sagaIDHeader))
	if err != nil {
		return nil
	}
	direction := message.Forward
	if in.header.Get("x-saga-direction") == string(message.Compensate) {
		direction = message.Compensate
	}
	return &message.Saga{
		ID: id, Type: in.header.Get("x-saga-type"), Step: in.header.Get("x-saga-step"), Direction: direction,
		Part: in.header.Get("x-saga-part"),
	}
}

// correlationOf is the business transaction that the caller names, or a new one.
func correlationOf(header http.Header) string {
	given := header.Get(correlationHeader)
	if given == "" || len(given) > correlationMost || !isPrintable(given) {
		return identity.New().String()
	}
	return given
}

func isPrintable(text string) bool {
	return strings.IndexFunc(text, func(char rune) bool { return char < ' ' || char > '~' }) < 0
}

func deadlineOf(header http.Header, most time.Duration) (time.Duration, error) {
	given := header.Get(deadlineHeader)
	if given == "" {
		return most, nil
	}
	millis, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		return 0, &Problem{
			Status: http.StatusBadRequest, Kind: "deadline-malformed",
			Title: "X-Deadline-Ms must be a whole number of milliseconds",
		}
	}
	return time.Duration(max(0, min(millis, most.Milliseconds()))) * time.Millisecond, nil
}

func read(writer http.ResponseWriter, request *http.Request, path map[string]string, correlation string, most time.Duration) (*incoming, error) {
	left, err := deadlineOf(request.Header, most)
	if err != nil {
		return nil, err
	}
	in := &incoming{
		header: request.Header, path: path, query: request.URL.Query(), correlation: correlation,
		deadline: time.Now().Add(left),
	}
	if request.Method == http.MethodPost {
		in.body, err = io.ReadAll(http.MaxBytesReader(writer, request.Body, bodyMost))
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &Problem{
			Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Title: "The request is too large",
			Detail: fmt.Sprintf("at most %d bytes", bodyMost), Headers: map[string]string{"connection": "close"},
		}
	case err != nil:
		return nil, &Problem{Status: http.StatusBadRequest, Kind: "disconnected", Title: "The request was cut off"}
	}
	return in, nil
}

// command is the command's wire JSON: the body, and the key from the path.
func (in *incoming) command(fields []definition.Field) (map[string]any, error) {
	payload, err := in.object()
	if err != nil {
		return nil, err
	}
	for name, text := range in.path {
		value, err := fromText(text, typeOf(name, fields), "/"+name)
		if err != nil {
			return nil, err
		}
		if given, ok := payload[name]; ok && fmt.Sprint(given) != fmt.Sprint(value) {
			return nil, invalid(message.FieldError{Pointer: "/" + name, Detail: "is not the same as in the path"})
		}
		payload[name] = value
	}
	return payload, known(payload, fields, "is not a field of this command")
}

func known(payload map[string]any, fields []definition.Field, text string) error {
	var faults []message.FieldError
	for name := range payload {
		if !slices.ContainsFunc(fields, func(field definition.Field) bool { return field.Name.Text == name }) {
			faults = append(faults, message.FieldError{Pointer: "/" + escaped(name), Detail: text})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.SortFunc(faults, func(a, b message.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return invalid(faults...)
}

// question is the query's wire JSON: path and parameters, each read as its field's type.
func (in *incoming) question(fields []definition.Field, reserved ...string) (map[string]any, error) {
	payload := map[string]any{}
	for name, text := range in.path {
		value, err := fromText(text, typeOf(name, fields), "/"+name)
		if err != nil {
			return nil, err
		}
		payload[name] = value
	}
	for name, given := range in.query {
		if slices.Contains(reserved, name) {
			continue
		}
		if _, twice := payload[name]; twice || len(given) > 1 {
			return nil, invalid(message.FieldError{Pointer: "/" + escaped(name), Detail: "is given twice"})
		}
		value, err := fromText(given[0], typeOf(name, fields), "/"+name)
		if err != nil {
			return nil, err
		}
		payload[name] = value
	}
	return payload, known(payload, fields, "is not a parameter of this query")
}

// page says which page is asked for.
func (in *incoming) page() (paging.Request, error) {
	limit := paging.LimitDefault
	if given := in.query.Get("limit"); given != "" {
		number, err := strconv.Atoi(given)
		if err != nil || number < 1 || number > paging.LimitMost {
			detail := fmt.Sprintf("must be an integer from 1 to %d", paging.LimitMost)
			return paging.Request{}, invalid(message.FieldError{Pointer: "/limit", Detail: detail})
		}
		limit = number
	}
	return paging.Request{After: in.query.Get("after"), Limit: limit}, nil
}

// fromText is the wire value of a path part or parameter: texts stay texts, numbers and truth values are read.
func fromText(text string, kind definition.Type, pointer string) (any, error) {
	for kind.Kind == "optional" && kind.Of != nil {
		kind = *kind.Of
	}
	switch kind.Kind {
	case "int":
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strings.HasPrefix(text, "+") {
			return nil, invalid(message.FieldError{Pointer: pointer, Detail: "must be an integer"})
		}
		return number, nil
	case "bool":
		if text != "true" && text != "false" {
			return nil, invalid(message.FieldError{Pointer: pointer, Detail: "must be true or false"})
		}
		return text == "true", nil
	case "money", "value", "list":
		wrapped, err := wire.Parse([]byte(`{"it":` + text + `}`))
		if err != nil || len(wrapped) != 1 {
			return nil, invalid(message.FieldError{Pointer: pointer, Detail: "must be JSON"})
		}
		return wrapped["it"], nil
	}
	return text, nil
}

func typeOf(name string, fields []definition.Field) definition.Type {
	for _, field := range fields {
		if field.Name.Text == name {
			return field.Type
		}
	}
	return definition.Type{Kind: "string"}
}

func (in *incoming) object() (map[string]any, error) {
	if len(strings.TrimSpace(string(in.body))) == 0 {
		return map[string]any{}, nil
	}
	media, _, err := mime.ParseMediaType(in.header.Get("content-type"))
	if err != nil || media != plainJSON && !strings.HasSuffix(media, "+json") {
		return nil, &Problem{
			Status: http.StatusUnsupportedMediaType, Kind: "media-type", Title: "Send JSON",
			Detail: "content-type must be application/json",
		}
	}
	payload, err := wire.Parse(in.body)
	var faulty *message.Invalid
	if errors.As(err, &faulty) && faulty.Errors[0].Detail == "is not JSON" {
		return nil, &Problem{Status: http.StatusBadRequest, Kind: "malformed", Title: "The body is not JSON"}
	}
	return payload, err
}

// escaped is a name as a part of a JSON Pointer.
func escaped(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

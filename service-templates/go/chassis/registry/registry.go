// Package registry is a client of a schema registry that speaks Confluent's HTTP interface.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"chassis/message"
)

const (
	mediaType = "application/vnd.schemaregistry.v1+json"
	mostBytes = 4 << 20
)

// Unavailable says that the registry does not answer: trying again later may help.
type Unavailable struct{ Text string }

func (e *Unavailable) Error() string { return e.Text }

// External says that no record is to blame, and that trying again at once may help.
func (e *Unavailable) External() (kind string, inPlace bool) { return message.Schema, true }

// Unknown says that the registry knows no schema of that id.
type Unknown struct{ Text string }

func (e *Unknown) Error() string { return e.Text }

// Incompatible says that the registry refuses a schema: readers of released messages could not read the new ones, or the
// reverse.
type Incompatible struct{ Text string }

func (e *Incompatible) Error() string { return e.Text }

// Schema is the text of an Avro schema or of a Protobuf file.
type Schema struct {
	Text string
	Kind string // AVRO or PROTOBUF
}

// Registry is what the codec needs.
type Registry interface {
	// URL is where schemas can be looked up; goes into ce_dataschema.
	URL() string
	// Register gives the id of a schema under a subject, new or known.
	Register(ctx context.Context, subject string, schema Schema, compatibility string) (int32, error)
	// Schema gives the Avro schema of an id.
	Schema(ctx context.Context, id int32) (string, error)
}

// HTTP registers and fetches over HTTP. What was fetched once is kept: a schema of an id never changes.
type HTTP struct {
	url    string
	client *http.Client

	mu      sync.Mutex
	schemas map[int32]string
	ids     map[[2]string]int32
}

// At is the registry of that address.
func At(address string) *HTTP {
	return &HTTP{
		url: strings.TrimRight(address, "/"), client: &http.Client{Timeout: 5 * time.Second},
		schemas: map[int32]string{}, ids: map[[2]string]int32{},
	}
}

// URL implements Registry.
func (h *HTTP) URL() string { return h.url }

// Register sets the subject's compatibility, then registers. Both change nothing when done before.
func (h *HTTP) Register(ctx context.Context, subject string, schema Schema, compatibility string) (int32, error) {
	mark := [2]string{subject, schema.Text}
	h.mu.Lock()
	known, ok := h.ids[mark]
	h.mu.Unlock()
	if ok {
		return known, nil
	}
	path := url.PathEscape(subject)
	wanted := map[string]string{"compatibility": compatibility}
	// Where it cannot be set, the registry's own level holds.
	if err := h.call(ctx, http.MethodPut, "/config/"+path, wanted, nil, http.StatusNotFound, http.StatusMethodNotAllowed); err != nil {
		return 0, err
	}
	body := map[string]string{"schema": schema.Text}
	if schema.Kind != "AVRO" { // which is what a registry takes it for when nothing is said
		body["schemaType"] = schema.Kind
	}
	var answer struct {
		ID int32 `json:"id"`
	}
	if err := h.call(ctx, http.MethodPost, "/subjects/"+path+"/versions", body, &answer); err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids[mark] = answer.ID
	return answer.ID, nil
}

// Schema fetches a schema, once.
func (h *HTTP) Schema(ctx context.Context, id int32) (string, error) {
	h.mu.Lock()
	known, ok := h.schemas[id]
	h.mu.Unlock()
	if ok {
		return known, nil
	}
	var answer struct {
		Schema string `json:"schema"`
		Kind   string `json:"schemaType"`
	}
	if err := h.call(ctx, http.MethodGet, fmt.Sprintf("/schemas/ids/%d", id), nil, &answer); err != nil {
		return "", err
	}
	if answer.Kind != "" && answer.Kind != "AVRO" {
		return "", &Unknown{fmt.Sprintf("schema %d is not in Avro", id)}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.schemas[id] = answer.Schema
	return answer.Schema, nil
}

func (h *HTTP) call(ctx context.Context, method, path string, body, answer any, tolerated ...int) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, h.url+path, sent)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaType)
	request.Header.Set("Accept", mediaType)
	response, err := h.client.Do(request)
	if err != nil {
		return &Unavailable{err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	if err != nil {
		return &Unavailable{err.Error()}
	}
	for _, status := range tolerated {
		if response.StatusCode == status {
			return nil
		}
	}
	return judge(response.StatusCode, method+" "+path, said, answer)
}

func judge(status int, what string, said []byte, answer any) error {
	text := fmt.Sprintf("%s: %d %s", what, status, explanation(said))
	switch {
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		return &Incompatible{text}
	case status == http.StatusNotFound:
		return &Unknown{text}
	case status >= http.StatusBadRequest:
		return &Unavailable{text}
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(said, answer); err != nil {
		return &Unavailable{what + ": the answer is not understood"}
	}
	return nil
}

func explanation(said []byte) string {
	var problem struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(said, &problem) == nil && problem.Message != "" {
		return problem.Message
	}
	return string(said[:min(200, len(said))])
}

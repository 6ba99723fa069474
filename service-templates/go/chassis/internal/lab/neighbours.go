package lab

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Neighbours are what a service finds around it: an issuer of tokens with its keys, and a schema registry.
type Neighbours struct {
	URL string
	key *rsa.PrivateKey

	mu      sync.Mutex
	schemas []string
	// Refuse makes the registry refuse what is registered, as one that finds a schema incompatible.
	Refuse bool
}

// NewNeighbours start on loopback and end with the test.
func NewNeighbours(t testing.TB) *Neighbours {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := &Neighbours{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jwks.json", n.jwks)
	mux.HandleFunc("PUT /config/{subject}", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]string{}) })
	mux.HandleFunc("POST /subjects/{subject}/versions", n.register)
	mux.HandleFunc("GET /schemas/ids/{id}", n.schema)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	n.URL = server.URL
	return n
}

// Token for a user (or, as "service", another service) with scopes.
func (n *Neighbours) Token(t testing.TB, audience, kind string, scopes ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": n.URL, "aud": audience, "sub": kind + "-1", "kind": kind, "scope": strings.Join(scopes, " "),
		"exp": time.Now().Add(time.Hour).Unix(), "env": "development", "jti": uuid.NewString(),
	})
	token.Header["kid"] = "one"
	signed, err := token.SignedString(n.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (n *Neighbours) jwks(w http.ResponseWriter, _ *http.Request) {
	encode := base64.RawURLEncoding.EncodeToString
	answer(w, 200, map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": encode(n.key.N.Bytes()),
		"e": encode(big.NewInt(int64(n.key.E)).Bytes()),
	}}})
}

func (n *Neighbours) register(w http.ResponseWriter, request *http.Request) {
	var body struct{ Schema string }
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		answer(w, 400, nil)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.Refuse {
		answer(w, 409, map[string]string{"message": "incompatible"})
		return
	}
	for i, known := range n.schemas {
		if known == body.Schema {
			answer(w, 200, map[string]int{"id": i + 1})
			return
		}
	}
	n.schemas = append(n.schemas, body.Schema)
	answer(w, 200, map[string]int{"id": len(n.schemas)})
}

func (n *Neighbours) schema(w http.ResponseWriter, request *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id, err := strconv.Atoi(request.PathValue("id"))
	if err != nil || id < 1 || id > len(n.schemas) {
		answer(w, 404, map[string]string{"message": "no such schema"})
		return
	}
	answer(w, 200, map[string]string{"schema": n.schemas[id-1]})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a test that hangs up does not care
}

package httpapi

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chassis/settings"
)

const (
	algorithm    = "RS256" // fixed here and never taken from the token
	keyBitsLeast = 2048
	leeway       = 10 * time.Second // of clock skew between issuer and service
	keysFresh    = 5 * time.Minute
	keysPause    = 5 * time.Second // at least between two fetches: unknown key ids must not become a flood at the issuer
	fetchMost    = 3 * time.Second
	mostKeys     = 1 << 20 // bytes
)

// Caller is who calls: the subject of the token, its scopes, and whether it is a user or a service.
type Caller struct {
	Subject string
	Scopes  []string
	Kind    string
}

// need is a 403 problem unless the caller has all scopes, and is a service where only those are let in.
func (c Caller) need(scopes []string, onlyServices bool) error {
	if onlyServices && c.Kind != "service" {
		return forbidden("only services of the fleet may call this", scopes)
	}
	var missing []string
	for _, scope := range scopes {
		if !slices.Contains(c.Scopes, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return forbidden("the token lacks the scope "+strings.Join(missing, " "), scopes)
	}
	return nil
}

// forbidden: the token holds but does not allow this.
func forbidden(detail string, scopes []string) *Problem {
	challenge := fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s"`, strings.Join(scopes, " "))
	return &Problem{
		Status: http.StatusForbidden, Kind: "forbidden", Title: "Not allowed", Detail: detail,
		Headers: map[string]string{"www-authenticate": challenge},
	}
}

// Authenticate knows a caller by the Authorization header, or gives a 401 problem.
type Authenticate func(ctx context.Context, authorization string) (Caller, error)

// errNoKeys says that the issuer's keys cannot be had right now.
var errNoKeys = errors.New("the issuer's keys could not be fetched")

// KeySet holds the issuer's keys by id. A key id not seen before fetches them anew, so the issuer can rotate at any time.
type KeySet struct {
	fetch func(ctx context.Context) ([]byte, error)

	mu             sync.Mutex
	keys           map[string]*rsa.PublicKey
	fetched, tried time.Time
}

// KeysAt are the keys published at this address.
func KeysAt(address string) *KeySet {
	client := &http.Client{Timeout: fetchMost}
	return &KeySet{fetch: func(ctx context.Context) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the issuer answers %d", response.StatusCode)
		}
		return io.ReadAll(io.LimitReader(response.Body, mostKeys))
	}}
}

// find gives the public key with this id, or nil.
func (k *KeySet) find(ctx context.Context, id string) (*rsa.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[id]; key != nil && time.Since(k.fetched) < keysFresh {
		return key, nil
	}
	if k.tried.IsZero() || time.Since(k.tried) >= keysPause {
		k.tried = time.Now()
		// When that fails, known keys stay good: an issuer that is down must not stop the fleet.
		if text, err := k.fetch(ctx); err == nil {
			if keys, err := rsaKeys(text); err == nil {
				k.keys, k.fetched = keys, k.tried
			}
		}
	}
	if len(k.keys) == 0 {
		return nil, errNoKeys
	}
	return k.keys[id], nil
}

// rsaKeys gives the usable keys of a JWKS document by id: RSA, long enough, for RS256 signatures.
func rsaKeys(text []byte) (map[string]*rsa.PublicKey, error) {
	var document struct {
		Keys []struct {
			Kty, Use, Alg, Kid, N, E string
			D                        any
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	usable := map[string]*rsa.PublicKey{}
	for _, each := range document.Keys {
		fits := each.Kty == "RSA" && (each.Use == "" || each.Use == "sig") && (each.Alg == "" || each.Alg == algorithm)
		modulus, err := base64.RawURLEncoding.DecodeString(each.N)
		exponent, wrong := base64.RawURLEncoding.DecodeString(each.E)
		if !fits || each.Kid == "" || each.D != nil || err != nil || wrong != nil || len(exponent) > 4 {
			continue
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
		if key.N.BitLen() >= keyBitsLeast && key.E > 1 {
			usable[each.Kid] = key
		}
	}
	return usable, nil
}

type claims struct {
	jwt.RegisteredClaims
	Kind  string  `json:"kind"`
	Scope *string `json:"scope"`
	Env   string  `json:"env"`
}

// Tokens checks signature, issuer, audience, times and kind of a bearer token.
func Tokens(auth settings.Auth, keys *KeySet) Authenticate {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithAudience(auth.Audience),
		jwt.WithIssuer(auth.Issuer), jwt.WithLeeway(leeway), jwt.WithExpirationRequired())
	return func(ctx context.Context, authorization string) (Caller, error) {
		scheme, token, _ := strings.Cut(authorization, " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
			return Caller{}, unauthenticated("send a bearer token", false)
		}
		var said claims
		_, err := parser.ParseWithClaims(token, &said, func(parsed *jwt.Token) (any, error) {
			id, _ := parsed.Header["kid"].(string)
			key, err := keys.find(ctx, id)
			if err == nil && key == nil {
				err = errUnknownKey
			}
			return key, err
		})
		if err != nil {
			return Caller{}, refusedToken(err)
		}
		scopes := ""
		if said.Scope != nil {
			scopes = *said.Scope
		}
		switch {
		case said.Subject == "":
			return Caller{}, unauthenticated("the token is not valid", true)
		case auth.Production && said.Env == "development":
			return Caller{}, unauthenticated("a development token is not accepted in production", true)
		case said.Kind != "user" && said.Kind != "service":
			return Caller{}, unauthenticated("the token lacks a kind, or its scope is not text", true)
		}
		return Caller{said.Subject, strings.Fields(scopes), said.Kind}, nil
	}
}

var errUnknownKey = errors.New("unknown key")

// refusedToken tells no particulars: they help only who forges tokens.
func refusedToken(err error) *Problem {
	switch {
	case errors.Is(err, errNoKeys):
		return &Problem{
			Status: http.StatusServiceUnavailable, Kind: "unavailable", Title: "Tokens cannot be checked right now",
			Headers: map[string]string{"retry-after": "5"},
		}
	case errors.Is(err, jwt.ErrTokenExpired):
		return unauthenticated("the token has expired", true)
	case errors.Is(err, errUnknownKey):
		return unauthenticated("the token is signed with an unknown key", true)
	}
	return unauthenticated("the token is not valid", true)
}

package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"chassis/settings"
)

const tokenEarly = 30 * time.Second // before its end that a token is renewed

// serviceToken is this service's own token, by client credentials, kept until shortly before it ends.
type serviceToken struct {
	auth   settings.Auth
	client *http.Client

	mu    sync.Mutex
	token string
	until time.Time
}

// get gives the token; a fresh one when the one before was refused.
func (s *serviceToken) get(ctx context.Context, fresh bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !fresh && time.Now().Before(s.until) {
		return s.token, nil
	}
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.auth.TokenURL, form)
	if err != nil {
		return "", err
	}
	request.Header.Set("content-type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(s.auth.ClientID, s.auth.ClientSecret)
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var granted struct {
		Token   string  `json:"access_token"`
		Seconds float64 `json:"expires_in"`
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the issuer answers %d", response.StatusCode)
	}
	if err := json.NewDecoder(response.Body).Decode(&granted); err != nil {
		return "", err
	}
	kept := max(time.Second, time.Duration(granted.Seconds*float64(time.Second))-tokenEarly)
	s.token, s.until = granted.Token, time.Now().Add(kept)
	return s.token, nil
}

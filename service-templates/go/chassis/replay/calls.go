package replay

import (
	"encoding/json"

	"chassis/rules"
)

func backOff(json.RawMessage) (decider, error) {
	return stateless(func(_ json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		given, err := read[struct {
			Attempt           int
			Base, Cap, Chance int64
		}](fields)
		if err != nil {
			return nil, nil, err
		}
		choose := rules.Drawn(given.Chance)
		switch kind {
		case "equal":
			return nil, []effect{{"wait": rules.EqualJitter(given.Attempt, given.Base, given.Cap, choose)}}, nil
		case "full":
			return nil, []effect{{"wait": rules.FullJitter(given.Attempt, given.Base, given.Cap, choose)}}, nil
		}
		return nil, nil, Unknown{kind}
	}), nil
}

type tries struct {
	Tenths int `json:"tenths"`
	Tried  int `json:"tried"`
}

func retry(config json.RawMessage) (decider, error) {
	limits, err := read[struct{ Attempts int }](config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		before, err := read[tries](state)
		if err != nil {
			return nil, nil, err
		}
		given, err := read[struct {
			Repeatable        bool
			Remaining, Chance int64
		}](fields)
		if err != nil {
			return nil, nil, err
		}
		budget := rules.Budget{Tenths: before.Tenths}
		switch kind {
		case "call":
			return tries{budget.AfterCall().Tenths, 1}, nil, nil
		case "failed":
			delay, may := rules.WaitBeforeTry(before.Tried, limits.Attempts, given.Remaining, rules.Drawn(given.Chance))
			left, enough := budget.Spend()
			if !given.Repeatable || !may || !enough {
				return before, []effect{{"fail": struct{}{}}}, nil
			}
			return tries{left.Tenths, before.Tried + 1}, []effect{{"again": delay}}, nil
		}
		return nil, nil, Unknown{kind}
	}), err
}

func retryTopic(config json.RawMessage) (decider, error) {
	limits, err := read[struct{ Delays []int64 }](config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		at, err := read[struct{ Level int }](state)
		if err != nil {
			return nil, nil, err
		}
		given, err := read[struct{ Final, Counts bool }](fields)
		if err != nil || kind != "failed" {
			return nil, nil, first(err, Unknown{kind})
		}
		level, again := rules.NextLevel(at.Level, given.Final, given.Counts, len(limits.Delays))
		if !again {
			return nil, []effect{{"dead": struct{}{}}}, nil
		}
		return nil, []effect{{"forward": map[string]any{"level": level, "delay": limits.Delays[level-1]}}}, nil
	}), err
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

type breakerState struct {
	Name      rules.BreakerState `json:"name"`
	Failures  int                `json:"failures"`
	Openings  int                `json:"openings"`
	Successes int                `json:"successes"`
	Until     int64              `json:"until"`
	Probing   bool               `json:"probing"`
}

func breaker(config json.RawMessage) (decider, error) {
	limits, err := read[rules.BreakerRules](config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error) {
		before, err := read[breakerState](state)
		if err != nil {
			return nil, nil, err
		}
		switch kind {
		case "call":
			next, admitted := limits.Admit(rules.Breaker(before), now)
			return breakerState(next), []effect{{"admit": admitted}}, nil
		case "note":
			given, err := read[struct {
				Succeeded bool
				Spread    int64
			}](fields)
			return breakerState(limits.After(rules.Breaker(before), given.Succeeded, now, given.Spread)), nil, err
		}
		return nil, nil, Unknown{kind}
	}), err
}

type load struct {
	Running int `json:"running"`
	Waiting int `json:"waiting"`
}

func bulkhead(config json.RawMessage) (decider, error) {
	limits, err := read[struct{ Concurrent, Queued int }](config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		before, err := read[rules.Load](state)
		if err != nil {
			return nil, nil, err
		}
		switch kind {
		case "free":
			return load(before.Waited(true)), nil, nil
		case "gave-up":
			return load(before.Waited(false)), nil, nil
		case "leave":
			return load(before.Left()), nil, nil
		case "enter":
			given, err := read[struct{ Remaining int64 }](fields)
			next, entry := before.Enter(limits.Concurrent, limits.Queued)
			effects := map[rules.Entry]effect{
				rules.Run: {"run": struct{}{}}, rules.Refuse: {"refuse": struct{}{}},
				rules.Wait: {"wait": int64(float64(given.Remaining) * rules.WaitShare)},
			}
			return load(next), []effect{effects[entry]}, err
		}
		return nil, nil, Unknown{kind}
	}), err
}

type tokens struct {
	Units   int64 `json:"units"`
	Counted int64 `json:"counted"`
}

func rateLimit(config json.RawMessage) (decider, error) {
	limits, err := read[struct {
		PerMinute int64 `json:"per_minute"`
	}](config)
	return stateless(func(state json.RawMessage, kind string, _ json.RawMessage, now int64) (any, []effect, error) {
		before, err := read[*tokens](state)
		if err != nil || kind != "request" {
			return nil, nil, first(err, Unknown{kind})
		}
		bucket := rules.FullTokens(limits.PerMinute, now)
		if before != nil {
			bucket = rules.Tokens(*before)
		}
		next, admitted, seconds := bucket.Take(limits.PerMinute, now)
		if admitted {
			return tokens(next), []effect{{"admit": struct{}{}}}, nil
		}
		return tokens(next), []effect{{"refuse": map[string]any{"seconds": seconds}}}, nil
	}), err
}

func deadline(config json.RawMessage) (decider, error) {
	limits, err := read[struct{ Usual int64 }](config)
	expired := []effect{{"expired": struct{}{}}}
	return stateless(func(_ json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error) {
		given, err := read[struct {
			Given     *string
			Remaining int64
			Expires   *int64
		}](fields)
		if err != nil {
			return nil, nil, err
		}
		switch kind {
		case "arrive":
			budget, wellFormed := rules.Arrive(given.Given, limits.Usual)
			switch {
			case !wellFormed:
				return nil, []effect{{"malformed": struct{}{}}}, nil
			case budget <= 0:
				return nil, expired, nil
			}
			return nil, []effect{{"budget": budget}}, nil
		case "call":
			wait, told, worth := rules.CallWithin(given.Remaining, limits.Usual)
			if !worth {
				return nil, expired, nil
			}
			return nil, []effect{{"call": map[string]any{"wait": wait, "told": told}}}, nil
		case "command":
			if rules.IsExpired(given.Expires, now) {
				return nil, expired, nil
			}
			return nil, []effect{{"begin": struct{}{}}}, nil
		}
		return nil, nil, Unknown{kind}
	}), err
}

type leaseState struct {
	Owner   *string `json:"owner"`
	Token   int64   `json:"token"`
	Expires int64   `json:"expires"`
	Fence   int64   `json:"fence"`
}

func (s leaseState) lease() rules.Lease {
	owner := ""
	if s.Owner != nil {
		owner = *s.Owner
	}
	return rules.Lease{Owner: owner, Token: s.Token, Expires: s.Expires, Fence: s.Fence}
}

func stateOfLease(lease rules.Lease) leaseState {
	state := leaseState{nil, lease.Token, lease.Expires, lease.Fence}
	if lease.Owner != "" {
		state.Owner = &lease.Owner
	}
	return state
}

func lease(json.RawMessage) (decider, error) {
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error) {
		before, err := read[leaseState](state)
		if err != nil {
			return nil, nil, err
		}
		given, err := read[struct {
			Owner               string
			Token, TTL, Renewed int64
		}](fields)
		if err != nil {
			return nil, nil, err
		}
		next, held := before.lease(), false
		switch kind {
		case "take":
			if next, held = next.Take(given.Owner, given.TTL, now); !held {
				return stateOfLease(next), []effect{{"token": nil}}, nil
			}
			return stateOfLease(next), []effect{{"token": next.Token}}, nil
		case "renew":
			next, held = next.Renew(given.Owner, given.Token, given.TTL, now)
		case "release":
			next, held = next.Release(given.Owner, given.Token)
		case "guard":
			held = next.Guards(given.Owner, given.Token, now)
		case "fence":
			next, held = next.Fenced(given.Token)
		case "trust":
			return stateOfLease(next), []effect{{"trust": rules.Trusts(0, float64(now-given.Renewed)/1000)}}, nil
		default:
			return nil, nil, Unknown{kind}
		}
		return stateOfLease(next), []effect{{"held": held}}, nil
	}), nil
}

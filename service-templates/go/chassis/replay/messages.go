package replay

import (
	"encoding/json"

	"chassis/rules"
)

func relay(json.RawMessage) (decider, error) {
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		switch kind {
		case "settle":
			effects, err := settled(state, fields)
			return nil, effects, err
		case "rebalance":
			effects, err := rebalanced(state, fields)
			return nil, effects, err
		}
		return nil, nil, Unknown{kind}
	}), nil
}

func settled(state, fields json.RawMessage) ([]effect, error) {
	before, err := read[struct{ Batch []rules.Sent }](state)
	if err != nil {
		return nil, err
	}
	given, err := read[struct {
		Results []*rules.FailureKind
		Chance  int64
	}](fields)
	if err != nil {
		return nil, err
	}
	for index, result := range given.Results {
		if result != nil {
			before.Batch[index].Failure = &rules.Failure{Kind: *result, Text: string(*result)}
		}
	}
	settlement := rules.Settle(before.Batch, rules.Drawn(given.Chance))
	var effects []effect
	if len(settlement.Acked) > 0 {
		effects = append(effects, effect{"delete": settlement.Acked})
	}
	var held []any
	for _, one := range settlement.Held {
		held = append(held, map[string]any{"position": one.Position, "delay": one.Delay})
	}
	if held != nil {
		effects = append(effects, effect{"hold": held})
	}
	var dead []int64
	for _, one := range settlement.Dead {
		dead = append(dead, one.Position)
	}
	if dead != nil {
		effects = append(effects, effect{"bury": dead})
	}
	if settlement.BrokerFailed != "" {
		effects = append(effects, effect{"broker-failed": true})
	}
	return effects, nil
}

func rebalanced(state, fields json.RawMessage) ([]effect, error) {
	before, err := read[struct{ Mine []int }](state)
	if err != nil {
		return nil, err
	}
	given, err := read[struct {
		Free             []int
		Instances, Start int
	}](fields)
	change := rules.Rebalance(before.Mine, given.Free, given.Instances, given.Start)
	return []effect{{"take": append([]int{}, change.Take...)}, {"give": append([]int{}, change.Give...)}}, err
}

func inbox(config json.RawMessage) (decider, error) {
	limits, err := read[struct{ Attempts int }](config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		before, err := read[struct {
			Seen             bool
			Last, Waiting    *int64
			BeginningRemoved bool `json:"beginning_removed"`
			Reopened         bool
			Tried, Attempts  int
			Reason           string
		}](state)
		if err != nil {
			return nil, nil, err
		}
		given, err := read[struct {
			Sequence *int64
			InPlace  bool `json:"in_place"`
			Final    bool
			Counts   bool
			Chance   int64
		}](fields)
		if err != nil {
			return nil, nil, err
		}
		choose := rules.Drawn(given.Chance)
		switch kind {
		case "arrive":
			verdict := rules.Judge(rules.Arrival{
				Sequence: given.Sequence, IsNew: !before.Seen, Last: before.Last, LeastWaiting: before.Waiting,
				BeginningRemoved: before.BeginningRemoved, Reopened: before.Reopened,
			})
			return nil, []effect{{"verdict": verdict}}, nil
		case "failed":
			try := rules.HandlerFailed(before.Tried, given.InPlace, given.Final, given.Counts, limits.Attempts, choose)
			if try.Again {
				return nil, []effect{{"again": try.Delay}}, nil
			}
			return nil, []effect{{"park": map[string]any{"attempts": try.Attempts, "delay": try.Delay}}}, nil
		case "parked-failed":
			attempts := rules.ParkedFailed(before.Reason, before.Attempts, given.Final, given.Counts, limits.Attempts)
			return nil, parked(attempts, limits.Attempts, choose), nil
		case "parked-gap":
			return nil, parked(before.Attempts+1, limits.Attempts, choose), nil
		}
		return nil, nil, Unknown{kind}
	}), err
}

func parked(attempts, most int, choose rules.Choose) []effect {
	if rules.IsExhausted(attempts, most) {
		return []effect{{"give-up": struct{}{}}}
	}
	delay := rules.ParkedDelay(max(1, attempts), choose)
	return []effect{{"postpone": map[string]any{"attempts": attempts, "delay": delay}}}
}

package saga

import (
	"fmt"
	"maps"

	"chassis/definition"
	"chassis/execute"
	"chassis/message"
	"chassis/saga/machine"
)

// A participant in an orchestrated saga keeps under "answers" what it answered to each part of each step, with the inputs:
// a command that comes again is answered the same, and an undo may need what its conductor never heard.

func outcomeOf(executed execute.Executed) machine.Reply {
	outcome := machine.OutcomeSucceeded
	if executed.Rejected {
		outcome = machine.OutcomeFailed
	}
	return machine.Reply{Outcome: outcome, Event: executed.EventName, Payload: executed.EventWire}
}

// remembered is what a participant keeps of a step that succeeded without a command on the bus: the first of a saga.
func remembered(step string, inputs map[string]any, executed execute.Executed) map[string]any {
	saga := &message.Saga{Step: step, Direction: message.Forward}
	return withAnswer(nil, saga, outcomeOf(executed), inputs)
}

func answerKey(saga *message.Saga, direction message.Direction) string {
	part, _ := machine.ReadPart(saga.Part)
	return fmt.Sprintf("%s:%s:%d", saga.Step, direction, part)
}

func withAnswer(kept map[string]any, saga *message.Saga, answer machine.Reply, inputs map[string]any) map[string]any {
	all, answers := map[string]any{}, map[string]any{}
	maps.Copy(all, kept)
	maps.Copy(answers, object(kept["answers"]))
	answers[answerKey(saga, saga.Direction)] = map[string]any{
		"outcome": string(answer.Outcome), "event": answer.Event, "payload": answer.Payload, "error": answer.Error,
		"inputs": inputs,
	}
	all["answers"] = answers
	return all
}

func answerIn(kept map[string]any, saga *message.Saga, direction message.Direction) (machine.Reply, bool) {
	known, isKnown := object(kept["answers"])[answerKey(saga, direction)]
	fields := object(known)
	outcome, _ := fields["outcome"].(string)
	event, _ := fields["event"].(string)
	problem, _ := fields["error"].(string)
	return machine.Reply{Outcome: machine.Outcome(outcome), Event: event, Payload: fields["payload"], Error: problem}, isKnown
}

// ownInputs are inputs of the undo that follow from the step itself: its conductor may never have heard how it ended.
func ownInputs(step definition.SagaStep, saga *message.Saga, kept map[string]any) map[string]any {
	done := object(object(kept["answers"])[answerKey(saga, message.Forward)])
	payload := done["payload"]
	if payload == nil {
		payload = map[string]any{}
	}
	inputs := done["inputs"]
	if inputs == nil {
		inputs = map[string]any{}
	}
	var ofMessages []definition.Binding
	for _, binding := range step.UndoBindings {
		if binding.Source.Kind == "message" {
			ofMessages = append(ofMessages, binding)
		}
	}
	known, _ := machine.EvaluateKnown(ofMessages, map[string]any{step.Name: inputs, step.SucceedsWith: payload}, machine.Alone())
	return known
}

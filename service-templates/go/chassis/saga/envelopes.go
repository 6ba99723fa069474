package saga

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"chassis/database"
	"chassis/message"
	"chassis/saga/machine"
)

// sendCommand sends the command of one part. Inputs that are not complete travel as JSON; the participant adds its own.
func (p *ports) sendCommand(ctx context.Context, at acting, sent machine.SendCommand) error {
	step := at.flow.Step(sent.Seq)
	saga := headersOf(at, step.Name, sent.Index, sent.Total, step.ForEach != nil)
	saga.Direction = sent.Direction
	headers := saga.Headers()
	headers[message.ReplyTo] = p.definition.ReplyTopic
	if sent.ExpiresAt != nil {
		headers[message.ExpiryTime] = machine.Moment(*sent.ExpiresAt)
	}
	draft := message.Draft{
		Type: step.CommandType, Wire: sent.Inputs, Topic: step.CommandTopic, Key: at.id.String(), Headers: headers,
		ID: sent.CommandID,
	}
	if sent.Direction == message.Compensate {
		draft.Type = step.UndoType
	}
	write := p.outbox.Message
	if !sent.Complete {
		payload, err := encoded(sent.Inputs)
		if err != nil {
			return err
		}
		draft.Payload, draft.ContentType, draft.Subject, draft.Wire = payload, message.JSON, at.id.String(), nil
		write = p.outbox.Raw
	}
	envelope, err := write(ctx, draft, at.work.Context())
	if err == nil {
		at.work.Append(envelope)
	}
	return err
}

// sendReply answers a command: with the event it led to, or with the reason why there is none.
func (p *ports) sendReply(ctx context.Context, work *database.Work, saga *message.Saga, answer machine.Reply) error {
	headers := saga.Headers()
	headers[message.Outcome] = string(answer.Outcome)
	if answer.Outcome != machine.OutcomeSucceeded {
		headers[message.ErrorCode] = answer.Error
		if answer.Error == "" {
			headers[message.ErrorCode] = answer.Event
		}
		headers[message.Retryable] = strconv.FormatBool(answer.Retryable)
	}
	cause := work.Context()
	cause.CausationID = answer.CommandID.String()
	key := saga.ID.String()
	draft := message.Draft{Topic: saga.ReplyTo, Key: key, Headers: headers}
	write := p.outbox.Message
	if event := p.definition.Event(answer.Event); event != nil {
		draft.Type, draft.Wire = event.Type, object(answer.Payload)
	} else {
		payload, err := encoded(map[string]any{"error": answer.Error})
		if err != nil {
			return err
		}
		draft.Type, draft.Payload, draft.ContentType, draft.Subject = message.ReplyType, payload, message.JSON, key
		write = p.outbox.Raw
	}
	envelope, err := write(ctx, draft, cause)
	if err == nil {
		work.Append(envelope)
	}
	return err
}

// sendNotice publishes a word about the saga on its fulfilment topic.
func (p *ports) sendNotice(ctx context.Context, at acting, given machine.Notice, reason string) error {
	key := at.id.String()
	known := map[string]any{"sagaId": key, "sagaType": at.flow.Name()}
	for name, text := range map[string]string{"step": given.Step, "reason": reason} {
		if text != "" {
			known[name] = text
		}
	}
	if given.Force {
		known["force"] = true
	}
	if len(given.History) > 0 {
		known["history"] = given.History
	}
	payload, err := encoded(known)
	if err != nil {
		return err
	}
	saga := &message.Saga{ID: at.id, Type: at.flow.Name(), Step: given.Step, Direction: message.Forward, Version: at.flow.Saga.Version}
	envelope, err := p.outbox.Raw(ctx, message.Draft{
		Type: given.Type, Payload: payload, ContentType: message.JSON, Topic: at.flow.Saga.FulfilmentTopic, Key: key,
		Subject: key, Headers: maps.Clone(saga.Headers()),
	}, at.work.Context())
	if err == nil {
		at.work.Append(envelope)
	}
	return err
}

// noticeOf is the notice that a record says.
func noticeOf(ceType string, wire map[string]any) machine.Notice {
	step, _ := wire["step"].(string)
	return machine.Notice{Type: ceType, Step: step, Force: wire["force"] == true, History: object(wire["history"])}
}

// headersOf a part of a step; index from 1.
func headersOf(at acting, step string, index, total int, fansOut bool) *message.Saga {
	part := ""
	if fansOut {
		part = machine.PartText(index, total)
	}
	return &message.Saga{
		ID: at.id, Type: at.flow.Name(), Step: step, Direction: message.Forward, Part: part, Version: at.flow.Saga.Version,
	}
}

// momentOf is a moment from a header; false for none or a text that is none.
func momentOf(text string) (time.Time, bool) {
	moment, err := time.Parse(time.RFC3339Nano, text)
	return moment, err == nil
}

func object(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}

// encoded is compact JSON, its text as it is.
func encoded(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// decoded is JSON whose numbers keep their digits.
func decoded(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

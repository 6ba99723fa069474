package telemetry

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"chassis/definition"
)

const redacted = "[redacted]"

// SensitiveNames are fields that must not leave the process in logs or traces, lower case. Every tagged field counts,
// whichever tags the fleet lists: a field that is tagged is tagged for a reason.
func SensitiveNames(facts *definition.Definition) map[string]bool {
	names := map[string]bool{}
	note := func(fields []definition.Field) {
		for _, field := range fields {
			if field.Sensitive != "" {
				names[strings.ToLower(field.Name.Text)], names[strings.ToLower(field.Name.Snake)] = true, true
			}
		}
	}
	for _, each := range facts.Aggregates {
		note(each.Fields)
	}
	for _, commands := range [][]definition.Command{facts.Commands, facts.ForeignCommands} {
		for _, each := range commands {
			note(each.Fields)
		}
	}
	for _, events := range [][]definition.Event{facts.Events, facts.ForeignEvents} {
		for _, each := range events {
			note(each.Fields)
		}
	}
	for _, each := range facts.Queries {
		note(each.Takes)
		note(each.Gives)
	}
	for _, name := range facts.Redact {
		names[strings.ToLower(name)] = true
	}
	return names
}

// Logs is a handler that writes JSON lines, one object a line, with the ids of trace, business transaction and saga.
func Logs(to io.Writer, service string, level slog.Level, sensitive map[string]bool) slog.Handler {
	lines := slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, at slog.Attr) slog.Attr {
		switch {
		case at.Key == slog.TimeKey && at.Value.Kind() == slog.KindTime:
			return slog.String(slog.TimeKey, at.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
		case at.Key == slog.LevelKey:
			return slog.String(slog.LevelKey, levelName(at))
		case at.Key == slog.MessageKey:
			return slog.Attr{Key: "message", Value: at.Value}
		case sensitive[strings.ToLower(at.Key)]:
			return slog.String(at.Key, redacted)
		}
		if err, isError := at.Value.Any().(error); isError {
			return slog.String(at.Key, withoutDetails(err.Error()))
		}
		return at
	}})
	return inContext{lines.WithAttrs([]slog.Attr{slog.String("service", service)})}
}

func levelName(at slog.Attr) string {
	if level, ok := at.Value.Any().(slog.Level); ok && level == slog.LevelWarn {
		return "warning"
	}
	return strings.ToLower(at.Value.String())
}

// withoutDetails is an error's text without what PostgreSQL repeats of the row's values.
func withoutDetails(text string) string {
	kept, _, _ := strings.Cut(text, "DETAIL:")
	return strings.TrimSpace(kept)
}

// inContext adds the ids that a context carries.
type inContext struct{ slog.Handler }

func (h inContext) Handle(ctx context.Context, record slog.Record) error {
	bound := boundOf(ctx)
	if bound.Correlation != "" {
		record.AddAttrs(slog.String("correlation_id", bound.Correlation))
	}
	if bound.Saga != "" {
		record.AddAttrs(slog.String("saga_id", bound.Saga))
	}
	if at := trace.SpanContextFromContext(ctx); at.IsValid() {
		record.AddAttrs(slog.String("trace_id", at.TraceID().String()), slog.String("span_id", at.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h inContext) WithAttrs(attributes []slog.Attr) slog.Handler {
	return inContext{h.Handler.WithAttrs(attributes)}
}

func (h inContext) WithGroup(name string) slog.Handler { return inContext{h.Handler.WithGroup(name)} }

// Level of the names that settings use.
func Level(name string) slog.Level {
	switch name {
	case "DEBUG":
		return slog.LevelDebug
	case "WARNING":
		return slog.LevelWarn
	case "ERROR":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Redact is the value without the content of sensitive fields, at any depth.
func Redact(value any, names map[string]bool) any {
	switch given := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(given))
		for name, member := range given {
			if shown[name] = redacted; !names[strings.ToLower(name)] {
				shown[name] = Redact(member, names)
			}
		}
		return shown
	case []any:
		shown := make([]any, len(given))
		for i, item := range given {
			shown[i] = Redact(item, names)
		}
		return shown
	}
	return value
}

package wire

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"chassis/values"
)

// read gives the canonical wire value of a scalar, or a sentence that a caller of the API can act on. Nothing is accepted
// that a database column, an Avro field or another language could not hold.
type read func(value any) (any, error)

var scalars = map[string]read{
	"string": readText, "text": readText, "url": readText, "json": readAny, "int": readInt, "bool": readBool,
	"decimal": readDecimal, "money": readMoney, "uuid": readUUID, "date": readDate, "datetime": readDatetime,
	"duration": readDuration,
}

var (
	isUUID     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	isDate     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	isDatetime = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$`)
	isDecimal  = regexp.MustCompile(`^-?\d{1,64}(\.\d{1,64})?$`)
	isCurrency = regexp.MustCompile(`^[A-Z]{3}$`)
)

func readAny(value any) (any, error) { return value, nil }

func readText(value any) (any, error) {
	text, ok := value.(string)
	switch {
	case !ok:
		return nil, errors.New("must be a string")
	case strings.Contains(text, "\x00"):
		return nil, errors.New("must not contain the character U+0000")
	case !utf8.ValidString(text):
		return nil, errors.New("must be valid Unicode")
	}
	return text, nil
}

func readInt(value any) (any, error) {
	switch number := value.(type) {
	case int64:
		return number, nil
	case int:
		return int64(number), nil
	case json.Number:
		if strings.ContainsAny(number.String(), ".eE") {
			break
		}
		read, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil {
			return nil, errors.New("must fit into 64 bits")
		}
		return read, nil
	}
	return nil, errors.New("must be an integer")
}

func readBool(value any) (any, error) {
	if truth, ok := value.(bool); ok {
		return truth, nil
	}
	return nil, errors.New("must be true or false")
}

func readDecimal(value any) (any, error) {
	if text, ok := value.(string); ok && isDecimal.MatchString(text) {
		return text, nil
	}
	return nil, errors.New(`must be a decimal number as text, such as "12.50"`)
}

func readUUID(value any) (any, error) {
	if text, ok := value.(string); ok && isUUID.MatchString(text) {
		return uuid.MustParse(text).String(), nil
	}
	return nil, errors.New("must be a UUID")
}

func readDate(value any) (any, error) {
	text, ok := value.(string)
	if ok && isDate.MatchString(text) {
		if day, err := values.ParseDate(text); err == nil && day.Year > 0 {
			return text, nil
		}
	}
	return nil, errors.New("must be a date, such as 2026-01-31")
}

// readDatetime reads RFC 3339; microseconds are kept, what is finer is cut off.
func readDatetime(value any) (any, error) {
	text, ok := value.(string)
	if !ok || !isDatetime.MatchString(text) {
		return nil, errors.New("must be a moment with its offset, such as 2026-01-31T12:00:00Z")
	}
	moment, err := time.Parse(time.RFC3339Nano, strings.Replace(strings.ToUpper(text), " ", "T", 1))
	if err != nil {
		return nil, errors.New("must be a moment with its offset, such as 2026-01-31T12:00:00Z")
	}
	if moment = moment.UTC(); moment.Year() < 1 || moment.Year() > 9999 {
		return nil, errors.New("lies outside the years 1 to 9999")
	}
	return Datetime(moment), nil
}

// Datetime is a moment as wire JSON has it: in UTC, with no fraction or six digits of it.
func Datetime(moment time.Time) string {
	moment = moment.UTC().Truncate(time.Microsecond)
	if moment.Nanosecond() == 0 {
		return moment.Format("2006-01-02T15:04:05Z")
	}
	return moment.Format("2006-01-02T15:04:05.000000Z")
}

func readDuration(value any) (any, error) {
	if text, ok := value.(string); ok {
		if span, err := values.ParseDuration(text); err == nil {
			return span.String(), nil
		}
	}
	return nil, errors.New("must be a duration, such as PT5M")
}

func readMoney(value any) (any, error) {
	members, ok := value.(map[string]any)
	if !ok || len(members) != 2 {
		return nil, errMoney
	}
	amount, hasAmount := members["amount"]
	currency, hasCurrency := members["currency"]
	if !hasAmount || !hasCurrency {
		return nil, errMoney
	}
	number, err := readInt(amount)
	if err != nil {
		return nil, err
	}
	text, _ := currency.(string)
	if !isCurrency.MatchString(text) && (text != "" || number != int64(0)) {
		return nil, errors.New("currency must be three capital letters")
	}
	return map[string]any{"amount": number, "currency": text}, nil
}

var errMoney = errors.New(`must be money, such as {"amount": 1200, "currency": "EUR"}`)

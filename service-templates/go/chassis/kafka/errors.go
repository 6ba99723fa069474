package kafka

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/rules"
)

// fatal are errors of records that no broker will ever take as they are.
var fatal = []error{
	kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTopicException,
	kerr.InvalidTimestamp, kerr.UnsupportedForMessageFormat,
}

// failureOf says whose fault an error is.
func failureOf(err error) *rules.Failure {
	if err == nil {
		return nil
	}
	kind := rules.MessageFailure
	var answer *kerr.Error
	switch {
	case isAny(err, fatal):
		kind = rules.FatalFailure
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.TopicAuthorizationFailed):
		// about this topic, whatever the client thinks of trying again
	case !errors.As(err, &answer), answer.Retriable, errors.Is(err, kgo.ErrRecordTimeout), isSession(err):
		kind = rules.BrokerFailure
	}
	return &rules.Failure{Kind: kind, Text: err.Error()}
}

// isSession tells whether an idempotent producer lost its place: the client gets a new one.
func isSession(err error) bool {
	return isAny(err, []error{
		kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping,
		context.Canceled,
	})
}

func isAny(err error, of []error) bool {
	for _, each := range of {
		if errors.Is(err, each) {
			return true
		}
	}
	return false
}

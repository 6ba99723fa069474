package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// RetryDelays is how many seconds a record waits in retry.1, retry.2 and so on.
var RetryDelays = []float64{5, 30, 120, 600}

// Levels of retry topics, and how often an operator may send a record again without force.
const (
	Straight     = -1 // not a retry topic
	Redriven     = 0  // where operators put redriven records, for one group, of ordered topics too
	RedrivesMost = 3

	retryMark = ".retry."
)

// RetryTopic is the retry topic of that level.
func RetryTopic(topic, group string, level int) string {
	return fmt.Sprintf("%s.%s%s%d", topic, group, retryMark, level)
}

// DeadLetterTopic is where the dead letters of a topic go.
func DeadLetterTopic(topic, group string) string { return topic + "." + group + ".dlq" }

// RetryTopics are all retry topics that a group reads for a subscription.
func RetryTopics(topic, group string, ordered bool, levels int) []string {
	if ordered {
		levels = Redriven
	}
	var topics []string
	for level := Redriven; level <= levels; level++ {
		topics = append(topics, RetryTopic(topic, group, level))
	}
	return topics
}

// OriginalTopic is the topic that a retry topic belongs to.
func OriginalTopic(retry, group string) string {
	at := strings.LastIndex(retry, retryMark)
	if at < 0 {
		return ""
	}
	return strings.TrimSuffix(retry[:at], "."+group)
}

// LevelOf is the level of a retry topic, Straight for any other topic.
func LevelOf(topic string) int {
	at := strings.LastIndex(topic, retryMark)
	if at < 0 {
		return Straight
	}
	level, err := strconv.ParseUint(topic[at+len(retryMark):], 10, 31)
	if err != nil {
		return Straight
	}
	return int(level)
}

// NextLevel is the level to try a record at that failed at level; false: it is given up.
//
// A failure that says nothing about the record (counts is false) does not bring it nearer to its end.
func NextLevel(level int, final, counts bool, levels int) (int, bool) {
	switch {
	case final || levels == 0:
		return 0, false
	case !counts:
		return max(1, level), true
	case level < levels:
		return max(0, level) + 1, true
	}
	return 0, false
}

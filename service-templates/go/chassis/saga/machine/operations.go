package machine

import "fmt"

// refusal says why a manual intervention does not fit a saga, or nothing: the same rules for orchestration and
// choreography. passed: the pivot has, or for all that is known may have.
func refusal(given Operation, status Status, backwards, atPivot, passed bool) string {
	switch {
	case !status.IsLive():
		return fmt.Sprintf("the saga is %s", status)
	case given.Name == Abort:
		return ""
	case status == Compensating, status == Running && given.Name == Retry:
		return fmt.Sprintf("%s is not possible while the saga is %s", given.Name, status)
	case given.Force || backwards:
		return ""
	case given.Name == Skip && atPivot:
		return "the pivot is skipped by force only"
	case given.Name == CompensateSaga && passed:
		return "the pivot has passed, or may have: compensating needs force"
	}
	return ""
}

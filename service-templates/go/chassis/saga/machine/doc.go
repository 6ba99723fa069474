// Package machine holds what sagas decide, by orchestration and by choreography, apart from database, broker and clock:
// a state and an input in, the next state and its effects out.
//
// Begin and Decide conduct an orchestrated saga; Watch and Observe follow a choreographed one on the owner's side; Due says
// what a participant of a choreography must do now. Payloads are JSON values as encoding/json decodes them.
package machine

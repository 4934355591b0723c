// Package emergency holds the steps that only an emergency has, from the
// declaration to the disposal of the compromised key.
package emergency

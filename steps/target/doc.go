// Package target holds what Keyturn acts on: the targets, the places of each where
// rows are and deployments are made, what of a row belongs to an environment, and
// the board that shows how a step comes on with them. Start with Target and Place.
package target

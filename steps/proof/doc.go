// Package proof proves what the services make of the keys, by signed requests: at
// the addresses of the environments, and at those of the deployments themselves.
// Start with Services and Prove.
package proof

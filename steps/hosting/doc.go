// Package hosting deploys the keys. Hosting is the one seam to the platform: API
// reaches Vercel itself, and Dashboard guides the operator there by hand. A file
// and its twin that ends in _dashboard do the same step, each in its own way.
package hosting

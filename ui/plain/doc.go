// Package plain drives sessions line by line, for screen readers, scripts and
// terminals that can do no more. It uses the same engine as the full screen:
// every act of the one is an act of the other.
//
// Lines are stable and never redrawn; there are no boxes, colours or spinners.
// Start with Run; Transcript alone prints what an engine does.
package plain

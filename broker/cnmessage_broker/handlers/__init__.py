"""One function a verb: (request, caller, deps) to effects."""

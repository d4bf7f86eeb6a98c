"""The library, in the spec language: layers, losses, optimizers, initializers, transforms (see the YAML files beside)."""

--- Context variables: values that a task takes from whoever spawned it.

return require "anyrun.context"

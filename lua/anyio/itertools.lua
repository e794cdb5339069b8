--- Tools for iterators that may wait, as `for` loops take them.
-- A source is a list or whatever gives its next item when it is called; what
-- comes back is such an iterator again. Each step is a checkpoint, also the one
-- that finds the end, and nothing is taken from a source before it: a step that
-- is cancelled there loses nothing. Functions that pass items on pass on all
-- values of a step: `for packet, host in islice(udp, 10) do`.

local itertools = {}

for _, part in ipairs {
  "chains", "endless", "filters", "groups", "pools", "readers",
} do
  for name, value in next, (require("anyio.itertools." .. part)) do
    itertools[name] = value
  end
end

return itertools

--- A generator of numbers of its own, so that SEED repeats a failure.

local dice = {}

local state

--- Begins anew: the same numbers for the same seed.
function dice.seed(seed) state = seed end

--- A number from 1 to n.
function dice.throw(n)
  state = (state * 1103515245 + 12345) % 2147483648
  return state // 65536 % n + 1
end

return dice

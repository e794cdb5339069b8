--- Each step of the itertools is a checkpoint, and cancelled steps lose nothing.
local anyio = require "anyio"
local check = require "lua.itertools.check"
local it = require "anyio.itertools"
local t = require "harness"

local function is_small(n) return n < 3 end

local MAKERS <const> = {
  accumulate = function(s) return it.accumulate(s, {initial = 0}) end,
  batched = function(s) return it.batched(s, 2) end,
  chain = function(s) return it.chain(s, s) end,
  ["chain.from_iterable"] = function(s) return it.chain.from_iterable{s, {}, s} end,
  combinations = function(s) return it.combinations(s, 2) end,
  combinations_with_replacement = function(s) return it.combinations_with_replacement(s, 2) end,
  compress = function(s) return it.compress(s, {true, false, true}) end,
  dropwhile = function(s) return it.dropwhile(is_small, s) end,
  filterfalse = function(s) return it.filterfalse(is_small, s) end,
  groupby = function(s) return it.groupby(s) end,
  islice = function(s) return it.islice(s, 1, 3) end,
  pairwise = function(s) return it.pairwise(s) end,
  permutations = function(s) return it.permutations(s) end,
  product = function(s) return it.product(s, s) end,
  repeat_ = function(s) return it.repeat_("x", #s) end,
  starmap = function(s) return it.starmap(math.max, it.batched(s, 1)) end,
  takewhile = function(s) return it.takewhile(is_small, s) end,
  tee = function(s) return (it.tee(s)) end,
  zip_longest = function(s) return it.zip_longest(s, {1}) end,
}

for name, make in pairs(MAKERS) do
  t.test(("[IT-02] each step of %s is a checkpoint"):format(name), function()
    check.checkpoints(name, function() return make{1, 2, 3} end)
  end)
  t.test(("[IT-03] %s that finds nothing is a checkpoint"):format(name), function()
    check.checkpoints(name, function() return make{} end)
  end)
end

t.test("[IT-02 IT-11 IT-12 IT-20] each step of those without an end", function()
  check.checkpoints("count", function() return it.count() end, true)
  check.checkpoints("cycle", function() return it.cycle{1, 2} end, true)
  check.checkpoints("repeat_", function() return it.repeat_ "x" end, true)
end)

t.test("[IT-03] those that can choose nothing", function()
  check.checkpoints("combinations", function() return it.combinations({1, 2}, 3) end)
  check.checkpoints("permutations", function() return it.permutations({1, 2}, 3) end)
  check.checkpoints("product", function() return it.product({1, 2}, {}) end)
  check.checkpoints("cycle", function() return it.cycle{} end)
  check.checkpoints("islice", function() return it.islice({1, 2}, 0) end)
  check.checkpoints("chain", function() return it.chain() end)
  check.checkpoints("zip_longest", function() return it.zip_longest() end)
end)

t.test("[IT-24] what was read by another is replayed at checkpoints", function()
  check.checkpoints("tee", function()
    local a, b = it.tee{1, 2, 3}
    check.all(a)
    return b
  end)
end)

t.test("[IT-07] an outer source that can be closed is closed, shielded", function()
  for _, how in ipairs{"end", "close", "error", "cancel"} do
    local closed, shielded = 0, nil
    local Outer = anyio.abc.ObjectReceiveStream "Outer"
    local left = how == "error" and {{1}, 5} or {{1}, {2}}
    function Outer.receive()
      if #left == 0 then error(anyio.EndOfStream()) end
      return table.remove(left, 1)
    end
    function Outer.aclose()
      closed = closed + 1
      shielded = pcall(anyio.lowlevel.checkpoint)
    end
    anyio.CancelScope(function(scope)
      local items <close> = it.chain.from_iterable(Outer())
      t.eq(items(), 1)
      t.eq(closed, 0)
      if how == "end" then
        t.eq(check.all(items), {2})
        t.eq(closed, 1, "at the end, not later")
      elseif how == "error" then
        t.raises(anyio.TypeError, items)
      elseif how == "cancel" then
        scope:cancel()
        items()
      end
    end)
    t.eq({closed, shielded}, {1, true}, how)
  end
end)

t.test("[IT-06] a chain that was closed has ended; other sources stay open", function()
  local receive <close> = check.stream{1, 2, 3}
  local items = it.chain(receive)
  t.eq(items(), 1)
  items:aclose()
  items:aclose()
  t.eq(items(), nil)
  t.eq(receive:receive(), 2)
end)

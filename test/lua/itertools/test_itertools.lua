--- What each of the itertools gives.
local anyio = require "anyio"
local check = require "lua.itertools.check"
local it = require "anyio.itertools"
local t = require "harness"

local all = check.all

-- Text as a list of its letters, and lists of letters as words.
local function letters(text)
  local list = {}
  for letter in text:gmatch "." do list[#list + 1] = letter end
  return list
end

local function words(step, limit)
  local list = all(step, limit)
  for i, item in ipairs(list) do list[i] = table.concat(item) end
  return table.concat(list, " ")
end

-- The same test for a list, an iterator that waits, and a stream.
local SOURCES <const> = {
  ["a list"] = function(list) return list end,
  ["an iterator"] = check.async,
  ["a stream"] = check.stream,
}

local function each_source(title, body)
  for name, make in pairs(SOURCES) do
    t.test(("%s (%s)"):format(title, name), function()
      local open = {}
      body(function(list)
        local source = make(list)
        if name == "a stream" then open[#open + 1] = source end
        return source
      end)
      for _, source in ipairs(open) do source:close() end
    end)
  end
end

local function add(a, b) anyio.sleep(0) return a + b end
local function is_small(n) anyio.sleep(0) return n < 3 end

each_source("[IT-01 IT-04] accumulate", function(source)
  t.eq(all(it.accumulate(source{1, 2, 3, 4})), {1, 3, 6, 10})
  t.eq(all(it.accumulate(source{1, 2, 3}, add)), {1, 3, 6})
  t.eq(all(it.accumulate(source{1, 2, 3}, math.max, {initial = 2})), {2, 2, 2, 3})
  t.eq(all(it.accumulate(source{1, 2}, {initial = 10})), {10, 11, 13})
  t.eq(all(it.accumulate(source{})), {})
  t.eq(all(it.accumulate(source{}, {initial = false})), {false})
  t.raises(anyio.ValueError, all, it.accumulate(source{1, 2}, function() end))
end)

each_source("[IT-01 IT-05] batched", function(source)
  t.eq(all(it.batched(source{1, 2, 3, 4, 5}, 2)), {{1, 2}, {3, 4}, {5}})
  t.eq(all(it.batched(source{1, 2}, 5)), {{1, 2}})
  t.eq(all(it.batched(source{}, 2)), {})
  t.eq(all(it.batched(source{1, 2, 3, 4}, 2, {strict = true})), {{1, 2}, {3, 4}})
  local strict = it.batched(source{1, 2, 3}, 2, {strict = true})
  t.eq(strict(), {1, 2})
  t.raises(anyio.ValueError, strict)
  for _, n in ipairs{0, -1} do t.raises(anyio.ValueError, it.batched, {}, n) end
  t.raises("bad argument #2 to 'batched' (integer expected", it.batched, {}, "x")
end)

each_source("[IT-01 IT-06] chain", function(source)
  t.eq(all(it.chain(source{1, 2}, {3}, source{}, source{4, false})), {1, 2, 3, 4, false})
  t.eq(all(it.chain()), {})
  t.eq(all(it.chain.from_iterable(source{source{1}, {}, source{2, 3}})), {1, 2, 3})
  t.eq(all(it.chain.from_iterable(source{})), {})
  local broken = it.chain({1}, function() error("inner", 0) end)
  t.eq(broken(), 1)
  t.raises("inner", broken)
  t.raises(anyio.TypeError, all, it.chain.from_iterable(source{1}))
end)

each_source("[IT-01 IT-08] combinations", function(source)
  t.eq(words(it.combinations(source(letters "ABCD"), 2)), "AB AC AD BC BD CD")
  t.eq(words(it.combinations(source(letters "ABCD"), 3)), "ABC ABD ACD BCD")
  t.eq(words(it.combinations(source(letters "AB"), 2)), "AB")
  t.eq(all(it.combinations(source{1, 2}, 0)), {{}})
  t.eq(all(it.combinations(source{}, 0)), {{}})
  t.eq(all(it.combinations(source{1, 2}, 3)), {})
  t.raises(anyio.ValueError, it.combinations, {}, -1)
  t.raises("bad argument #2 to 'combinations' (integer expected", it.combinations, {})
end)

each_source("[IT-01 IT-09] combinations_with_replacement", function(source)
  t.eq(words(it.combinations_with_replacement(source(letters "ABC"), 2)), "AA AB AC BB BC CC")
  t.eq(words(it.combinations_with_replacement(source(letters "AB"), 3)), "AAA AAB ABB BBB")
  t.eq(all(it.combinations_with_replacement(source{1}, 0)), {{}})
  t.eq(all(it.combinations_with_replacement(source{}, 2)), {})
  t.raises(anyio.ValueError, it.combinations_with_replacement, {}, -1)
end)

each_source("[IT-01 IT-10] compress", function(source)
  t.eq(all(it.compress(source{1, 2, 3, 4}, source{true, false, 1, false})), {1, 3})
  t.eq(all(it.compress(source{1, 2, 3}, {true})), {1})
  t.eq(all(it.compress(source{1}, {true, true})), {1})
  t.eq(all(it.compress(source{}, {true})), {})
end)

t.test("[IT-11] count", function()
  t.eq(all(it.count(), 4), {0, 1, 2, 3})
  t.eq(all(it.count(5, -2), 4), {5, 3, 1, -1})
  t.eq(all(it.count(1, 0.5), 3), {1, 1.5, 2.0})
  t.raises("bad argument #2 to 'count'", it.count, 1, "x")
end)

each_source("[IT-01 IT-12] cycle", function(source)
  t.eq(all(it.cycle(source{1, false}), 5), {1, false, 1, false, 1})
  t.eq(all(it.cycle(source{})), {})
end)

each_source("[IT-01 IT-13] dropwhile", function(source)
  t.eq(all(it.dropwhile(is_small, source{1, 2, 3, 1, 4})), {3, 1, 4})
  t.eq(all(it.dropwhile(is_small, source{1, 2})), {})
  t.eq(all(it.dropwhile(is_small, source{})), {})
end)

each_source("[IT-01 IT-14] filterfalse", function(source)
  t.eq(all(it.filterfalse(is_small, source{1, 3, 2, 4})), {3, 4})
  t.eq(all(it.filterfalse(nil, source{1, false, 2})), {false})
  t.eq(all(it.filterfalse(is_small, source{1})), {})
end)

each_source("[IT-01 IT-15] groupby", function(source)
  local function half(n) anyio.sleep(0) return n // 2 end
  t.eq(all(it.groupby(source{1, 1, 2, 1})), {{1, {1, 1}}, {2, {2}}, {1, {1}}})
  t.eq(all(it.groupby(source{1, 2, 3, 4}, half)), {{0, {1}}, {1, {2, 3}}, {2, {4}}})
  t.eq(all(it.groupby(source{false, false})), {{false, {false, false}}})
  t.eq(all(it.groupby(source{})), {})
  t.raises(anyio.ValueError, all, it.groupby(source{1}, function() end))
end)

each_source("[IT-01 IT-16] islice", function(source)
  local function slice(...) return table.concat(all(it.islice(source(letters "ABCDEFG"), ...))) end
  t.eq(slice(2), "AB")
  t.eq(slice(nil), "ABCDEFG")
  t.eq(slice(0), "")
  t.eq(slice(20), "ABCDEFG")
  t.eq(slice(2, 4), "CD")
  t.eq(slice(2, nil), "CDEFG")
  t.eq(slice(0, nil, 2), "ACEG")
  t.eq(slice(1, 6, 3), "BE")
  t.eq(slice(nil, 3, nil), "ABC")
  t.eq(slice(5, 3), "")
  t.eq(slice(9, 20), "")
end)

each_source("[IT-16] islice takes nothing beyond its stop", function(source)
  local step = it.chain(source{1, 2, 3, 4, 5, 6})
  t.eq(all(it.islice(step, 2)), {1, 2})
  t.eq(step(), 3)
  t.eq(all(it.islice(step, 0)), {})
  t.eq(all(it.islice(step, 0, 2, 5)), {4})
  t.eq(step(), 6)
end)

t.test("[IT-16] islice: bad arguments, and which", {plain = true}, function()
  t.raises(anyio.TypeError, it.islice, {})
  t.raises(anyio.TypeError, it.islice, {}, 1, 2, 3, 4)
  for _, bad in ipairs{-1, 1.5, "1"} do
    t.match(t.raises(anyio.ValueError, it.islice, {}, bad).message, "stop argument")
    t.match(t.raises(anyio.ValueError, it.islice, {}, bad, 1).message, "indices")
    t.match(t.raises(anyio.ValueError, it.islice, {}, 1, bad).message, "indices")
    t.match(t.raises(anyio.ValueError, it.islice, {}, 1, 1, bad).message, "step")
  end
  t.match(t.raises(anyio.ValueError, it.islice, {}, 1, 1, 0).message, "step")
end)

each_source("[IT-01 IT-17] pairwise", function(source)
  t.eq(all(it.pairwise(source{1, 2, 3})), {{1, 2}, {2, 3}})
  t.eq(all(it.pairwise(source{1})), {})
  t.eq(all(it.pairwise(source{})), {})
end)

each_source("[IT-01 IT-18] permutations", function(source)
  t.eq(words(it.permutations(source(letters "ABC"))), "ABC ACB BAC BCA CAB CBA")
  t.eq(words(it.permutations(source(letters "ABC"), 2)), "AB AC BA BC CA CB")
  t.eq(all(it.permutations(source{1, 2}, 0)), {{}})
  t.eq(all(it.permutations(source{})), {{}})
  t.eq(all(it.permutations(source{1}, 2)), {})
  t.raises(anyio.ValueError, it.permutations, {}, -1)
  t.raises("bad argument #2 to 'permutations' (integer expected", it.permutations, {}, "x")
end)

each_source("[IT-01 IT-19] product", function(source)
  t.eq(words(it.product(source(letters "AB"), source(letters "xyz"))), "Ax Ay Az Bx By Bz")
  t.eq(words(it.product(source(letters "AB"), {repeat_ = 3})), "AAA AAB ABA ABB BAA BAB BBA BBB")
  t.eq(words(it.product(source(letters "AB"), {"x"}, {repeat_ = 2})), "AxAx AxBx BxAx BxBx")
  t.eq(all(it.product()), {{}})
  t.eq(all(it.product(source{1, 2}, {repeat_ = 0})), {{}})
  t.eq(all(it.product(source{1, 2}, {})), {})
  t.raises(anyio.ValueError, it.product, {1}, {repeat_ = -1})
  t.raises("option 'repeat_': integer expected", it.product, {1}, {repeat_ = "x"})
  t.raises("unknown option 'times' to 'product'", it.product, {1}, {times = 2})
end)

t.test("[IT-20] repeat_, which is also `repeat`", function()
  t.eq(all(it.repeat_("x"), 3), {"x", "x", "x"})
  t.eq(all(it["repeat"](false, 2)), {false, false})
  t.eq(all(it.repeat_("x", 0)), {})
  t.eq(all(it.repeat_("x", -1)), {})
  t.raises("bad argument #2 to 'repeat_' (integer", it.repeat_, "x", 1.5)
end)

each_source("[IT-01 IT-21] starmap", function(source)
  t.eq(all(it.starmap(add, source{{1, 2}, source{3, 4}})), {3, 7})
  t.eq(all(it.starmap(function(...) return select("#", ...) end,
    source{{}, table.pack(nil, nil), {1}})), {0, 2, 1})
  t.eq(all(it.starmap(add, source{})), {})
  t.eq(all(it.starmap(add, it.pairwise(source{1, 2, 3}))), {3, 5})
  t.raises(anyio.TypeError, all, it.starmap(add, source{1}))
  t.raises(anyio.ValueError, all, it.starmap(function() end, source{{1}}))
end)

each_source("[IT-01 IT-22] takewhile stops at the first that fails, and takes it", function(source)
  local step = it.chain(source{1, 2, 5, 1})
  local taking = it.takewhile(is_small, step)
  t.eq(all(taking), {1, 2})
  t.eq(taking(), nil)
  t.eq(all(step), {1})
  t.eq(all(it.takewhile(is_small, source{})), {})
end)

each_source("[IT-01 IT-25] zip_longest", function(source)
  local rows = all(it.zip_longest(source{1, 2, 3}, source{"a"}, {fillvalue = 0}))
  t.eq(rows, {{1, "a", n = 2}, {2, 0, n = 2}, {3, 0, n = 2}})
  t.eq(all(it.zip_longest(source{}, source{1})), {{[2] = 1, n = 2}})
  t.eq(all(it.zip_longest(source{}, source{})), {})
  t.eq(all(it.zip_longest()), {})
  t.raises("unknown option 'fill' to 'zip_longest'", it.zip_longest, {1}, {fill = 2})
end)

t.test("[IT-01] what is no source is refused, by name", {plain = true}, function()
  for name, at in pairs{accumulate = 1, batched = 1, chain = 1, compress = 1, cycle = 1, groupby = 1,
    islice = 1, pairwise = 1, permutations = 1, product = 1, zip_longest = 1, combinations = 1} do
    t.raises(("bad argument #%d to '%s' (list or iterator expected, got number"):format(at, name),
      it[name], 5, 1)
  end
  for _, name in ipairs{"dropwhile", "takewhile", "filterfalse", "starmap"} do
    t.raises(("bad argument #1 to '%s'"):format(name), it[name], 5, {})
    t.raises(("bad argument #2 to '%s' (list or"):format(name), it[name], print, 5)
  end
  t.raises("bad argument #1 to 'tee'", it.tee, 5)
  t.raises("bad argument #1 to 'from_iterable'", it.chain.from_iterable, 5)
end)

t.test("[IT-01] all values of a step are passed on", function()
  local function pairs_of(list)
    local step = check.async(list)
    return function()
      local pair = step()
      if pair then return pair[1], pair[2] end
    end
  end
  local list = {{1, "a"}, {2, "b"}, {3, "c"}}
  local function small(n) return n < 3 end
  t.eq(all(it.chain(pairs_of(list))), list)
  t.eq(all(it.islice(pairs_of(list), 2)), {list[1], list[2]})
  t.eq(all(it.cycle(pairs_of(list)), 4), {list[1], list[2], list[3], list[1]})
  t.eq(all(it.takewhile(small, pairs_of(list))), {list[1], list[2]})
  t.eq(all(it.dropwhile(small, pairs_of(list))), {list[3]})
  t.eq(all(it.filterfalse(small, pairs_of(list))), {list[3]})
  t.eq(all(it.compress(pairs_of(list), {false, true})), {list[2]})
  t.eq(all((it.tee(pairs_of(list), 1))), list)
end)

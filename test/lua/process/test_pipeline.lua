--- Programs connected by pipes.

local anyio = require "anyio"
local t = require "harness"

local pipeline = anyio.pipeline

t.test("what one writes the next reads", function()
  local result = pipeline({ { "sort" }, { "uniq", "-c" }, "sed 's/^ *//'" },
    { input = "b\na\nb\n" })
  t.eq(result.stdout, "1 a\n2 b\n")
  t.eq(result.stderr, "")
  t.eq(result.returncodes, { 0, 0, 0 })
  t.eq(result.returncode, 0)
  t.eq(tostring(result), "<CompletedPipeline: 0 0 0>")
end)

t.test("one program is a pipeline, too", function()
  t.eq(pipeline({ { "echo", "x" } }).stdout, "x\n")
end)

t.test("every status is kept, and any failure is one", function()
  local result = pipeline({ "exit 1", "exit 2", "cat" }, { check = false })
  t.eq(result.returncodes, { 1, 2, 0 })
  t.eq(result.returncode, 2)
  local err = t.raises(anyio.CalledProcessError, pipeline,
    { "echo first >&2; exit 3", { "cat" } })
  t.eq(err.returncodes, { 3, 0 })
  t.eq(err.returncode, 3)
  t.eq(err.message, "pipeline 'echo first >&2; exit 3 | cat': command "
    .. "'echo first >&2; exit 3' returned exit status 3\n  first")
end)

t.test("one that wants no more ends the ones before it", function()
  local result = pipeline({ { "yes" }, { "head", "-n", 2 } }, { check = false })
  t.eq(result.stdout, "y\ny\n")
  t.eq(result.returncodes, { -13, 0 })
end)

t.test("megabytes go through", function()
  local input = ("0123456789abcde\n"):rep(1 << 16)
  t.ok(pipeline({ { "cat" }, { "cat" }, { "cat" } }, { input = input }).stdout == input)
end)

t.test("streams of all and of each", function()
  local file <close> = assert(io.tmpfile())
  local result = pipeline({ "echo out; echo err1 >&2", "cat; echo err2 >&2" },
    { stdout = file, stderr = anyio.STDOUT })
  t.eq(result.stdout, nil)
  file:seek "set"
  t.eq(file:read "a", "out\nerr1\nerr2\n")
end)

t.test("one that cannot be started takes the others with it", function()
  local err = t.raises(anyio.OSError, pipeline, { { "sleep", 100 }, { "no-such-program" } })
  t.eq(err.code, "ENOENT")
end)

t.test("cancelled, all are killed", function()
  for _, group in ipairs { false, true } do
    local scope = anyio.move_on_after(0.05, function()
      pipeline({ { "sleep", 100 }, "sleep 100; true" },
        { process_group = group, grace = 0.1 })
    end)
    t.ok(scope.cancelled_caught)
  end
end)

t.test("the programs of a group are one group", function()
  local result = pipeline({ "ps -o pgid= -p $$; cat", "ps -o pgid= -p $$; cat" },
    { process_group = true, stdin = anyio.DEVNULL })
  local one, two = result.stdout:match "(%d+)%s+(%d+)"
  t.ok(one)
  t.eq(one, two)
end)

t.test("a pipeline as a group", function()
  t.eq(pipeline({ { "echo", "x" }, { "cat" } }, { process_group = true }).stdout, "x\n")
end)

t.test("what is no pipeline is refused", function()
  t.raises("bad argument #1 to 'pipeline' (table expected", pipeline, "ls")
  t.raises(anyio.ValueError, pipeline, {})
  t.raises("item 2: a command expected, got boolean", pipeline, { "ls", true })
  t.raises(anyio.ValueError, pipeline, { "cat" }, { input = "x", stdin = false })
  t.raises(anyio.TypeError, pipeline, { "cat" }, { shell = true })
end)

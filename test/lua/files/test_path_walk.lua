--- Path: iterdir, glob, rglob, walk.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local test = scratch.test

-- a.txt, sub/b.txt, sub/c.lua, sub/deep/d.txt, link -> sub
local function tree(dir)
  (dir / "sub" / "deep"):mkdir { parents = true }
  for _, name in ipairs { "a.txt", "sub/b.txt", "sub/c.lua", "sub/deep/d.txt" } do
    (dir / name):touch()
  end
  (dir / "link"):symlink_to("sub")
  return dir
end

local function found(dir, ...) return scratch.below(dir, dir:glob(...)) end

test("[FIO-23] iterdir gives each entry once, and raises at once", function(dir)
  tree(dir)
  t.eq(scratch.below(dir, dir:iterdir()), { "a.txt", "link", "sub" })
  t.eq(t.raises(anyio.OSError, (dir / "none").iterdir, dir / "none").code, "ENOENT")
end)

test("[FIO-23] glob", function(dir)
  tree(dir)
  t.eq(found(dir, "*.txt"), { "a.txt" })
  t.eq(found(dir, "*/*.txt"), { "link/b.txt", "sub/b.txt" })
  t.eq(found(dir, "**/*.txt"), { "a.txt", "sub/b.txt", "sub/deep/d.txt" })
  t.eq(found(dir, "**"), { ".", "a.txt", "link", "sub", "sub/b.txt", "sub/c.lua",
    "sub/deep", "sub/deep/d.txt" })
  t.eq(found(dir, "*/"), { "link", "sub" })
  t.eq(found(dir, "sub/b.txt"), { "sub/b.txt" })
  t.eq(found(dir, "sub/../*.txt"), { "sub/../a.txt" })
  t.eq(found(dir, "none/*"), {})
  t.eq(found(dir, "a.txt/*"), {})
  t.eq(found(dir, "**/deep/**"), { "sub/deep", "sub/deep/d.txt" })
  t.eq(found(dir, "[as]*"), { "a.txt", "sub" })
  t.eq(found(dir, "[!a]*"), { "link", "sub" })
  t.eq(scratch.below(dir / "none", (dir / "none"):glob "*"), {})
  t.raises(anyio.ValueError, dir.glob, dir, "")
  t.raises(anyio.NotImplementedError, dir.glob, dir, "/etc/*")
end)

test("[FIO-23] glob: options", function(dir)
  tree(dir)
  t.eq(found(dir, "*.TXT"), {})
  t.eq(found(dir, "*.TXT", { case_sensitive = false }), { "a.txt" })
  t.eq(found(dir, "SUB/*.LUA", { case_sensitive = false }), { "sub/c.lua" })
  t.eq(found(dir, "**/b.txt"), { "sub/b.txt" })
  t.eq(found(dir, "**/b.txt", { recurse_symlinks = true }), { "link/b.txt", "sub/b.txt" })
  t.raises(anyio.TypeError, dir.glob, dir, "*", { casesensitive = true })
end)

test("[FIO-23] rglob", function(dir)
  tree(dir)
  t.eq(scratch.below(dir, dir:rglob "*.txt"), { "a.txt", "sub/b.txt", "sub/deep/d.txt" })
  t.eq(scratch.below(dir, dir:rglob("*.TXT", { case_sensitive = false })),
    { "a.txt", "sub/b.txt", "sub/deep/d.txt" })
  t.eq(scratch.below(dir, dir:rglob("b.txt", { recurse_symlinks = true })),
    { "link/b.txt", "sub/b.txt" })
  t.eq(scratch.below(dir, dir:rglob "deep/*"), { "sub/deep/d.txt" })
end)

local function walked(dir, opts)
  local lines = {}
  for folder, folders, files in dir:walk(opts) do
    table.sort(folders)
    table.sort(files)
    lines[#lines + 1] = ("%s: %s | %s"):format(folder:relative_to(dir),
      table.concat(folders, " "), table.concat(files, " "))
  end
  return lines
end

test("[FIO-24] walk, from the top and from below", function(dir)
  tree(dir)
  t.eq(walked(dir), {
    ".: sub | a.txt link", "sub: deep | b.txt c.lua", "sub/deep:  | d.txt",
  })
  t.eq(walked(dir, { top_down = false }), {
    "sub/deep:  | d.txt", "sub: deep | b.txt c.lua", ".: sub | a.txt link",
  })
end)

test("[FIO-24] walk: what is taken out of the list is left out", function(dir)
  tree(dir)
  local n = 0
  for _, folders in dir:walk() do
    n = n + 1
    for i = #folders, 1, -1 do folders[i] = nil end
  end
  t.eq(n, 1)
end)

test("walk into links where wanted, errors to who asked", function(dir)
  tree(dir)
  t.eq(#walked(dir), 3)
  t.eq(#walked(dir, { follow_symlinks = true }), 5)
  local errors = {}
  for _ in (dir / "none"):walk { on_error = function(e) errors[#errors + 1] = e.code end } do
    t.fail "there is nothing to walk"
  end
  t.eq(errors, { "ENOENT" })
  t.raises(anyio.TypeError, dir.walk, dir, { topdown = true })
end)

test("many tasks walk at once", function(dir)
  tree(dir)
  anyio.create_task_group(function(tg)
    for _ = 1, 20 do
      tg:start_soon(function()
        t.eq(#scratch.below(dir, dir:rglob "*"), 7)
      end)
    end
  end)
end)

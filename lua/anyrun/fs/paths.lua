--- Path with all it can do, which is written down in several files.

require "anyrun.fs.pathchanges"
require "anyrun.fs.pathcontents"
require "anyrun.fs.pathnames"
require "anyrun.fs.pathqueries"
require "anyrun.fs.pathwalk"

return require "anyrun.fs.path"

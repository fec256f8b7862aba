#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Message;
}

namespace weir::config {

// One finding in a configuration file. Value.
struct Diagnostic {
  std::string file;
  int line = 0;    // from 1; 0: the file as a whole
  int column = 0;  // from 1
  // "listeners[0].filter_chains[0].filters[0].config.virtual_hosts[1].name"
  std::string field_path;
  std::string what;
  std::string right;  // what would be right; may be empty

  // "file:line:column: field.path: what; right"
  std::string toString() const;
};

// Collects findings, in order. Main-thread only.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }
  bool ok() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }  // as found
  // All, sorted by position, one per line.
  std::string toString() const;

 private:
  std::vector<Diagnostic> list_;
};

// A place in the parsed file: message or field, knowing its path and position. Cheap value.
// Everything that validates gets one, so that each error carries a position. Main-thread only; the
// Parsed file outlives it.
class Cursor {
 public:
  // Of the message here; the field of an extension is that of the message in its brackets. What the
  // file leaves out stands where its message does.
  Cursor field(std::string_view name) const;
  // Element of a repeated field.
  Cursor at(std::string_view name, int index) const;
  // Says nothing when the field was given but could not be read: that has been reported.
  void error(std::string what, std::string right = {}) const;
  // Path of files the configuration names, relative ones resolved against the configuration file's
  // folder.
  std::string resolvePath(std::string_view path) const;
  Diagnostics& diagnostics() const;

  struct Node;
  explicit Cursor(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

 private:
  std::shared_ptr<const Node> node_;
};

}  // namespace weir::config

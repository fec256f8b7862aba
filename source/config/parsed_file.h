#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/config/diagnostics.h"

namespace weir::config {

// What a cursor points at: a field of the file, or one that the file leaves out. Immutable once the
// file is parsed.
struct Cursor::Node {
  struct File;

  const File* file = nullptr;
  const Node* parent = nullptr;  // null: the file's outermost message
  std::string name;              // the field's
  int index = -1;                // of an element of a repeated field
  int line = 1;                  // of the value; of the field's name when the value is a message
  int column = 1;
  // Something wrong here has been reported already: what follows from it is not reported again.
  bool muted = false;
  // Fields here that were written but could not be read.
  std::vector<std::string> unread;
  // The fields that the file gives, in order of appearance; each with its elements.
  std::vector<std::pair<std::string_view, std::vector<const Node*>>> children;
  // Keeps a left-out parent of a left-out field.
  std::shared_ptr<const Node> keep;

  const Node* child(std::string_view field, size_t element) const;
  std::string path() const;
};

// The positions in one parsed file. Main-thread only.
struct Cursor::Node::File {
  File(std::string file_name, Diagnostics& diagnostics);

  Node& addChild(Node& parent, std::string_view field, bool repeated);
  Cursor rootCursor() const;

  std::string name;
  std::string folder;  // of the file; relative names in it start here
  Diagnostics& diagnostics;
  std::deque<Node> nodes;  // the first is the outermost message
};

using ParsedFile = Cursor::Node::File;

}  // namespace weir::config

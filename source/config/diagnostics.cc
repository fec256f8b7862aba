#include "source/config/diagnostics.h"

#include <algorithm>
#include <tuple>

#include "source/base/concat.h"
#include "source/config/parsed_file.h"

namespace weir::config {

namespace {

// A finding is one line whatever the file has in its strings.
std::string printable(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace

std::string Diagnostic::toString() const {
  std::string text = file;
  if (line > 0) text += base::concat(":", line, ":", column);
  text += base::concat(": ");
  if (!field_path.empty()) text += base::concat(printable(field_path), ": ");
  text += base::concat(printable(what));
  if (!right.empty()) text += base::concat("; ", printable(right));
  return text;
}

std::string Diagnostics::toString() const {
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& diagnostic : list_) sorted.push_back(&diagnostic);
  const auto place = [](const Diagnostic* d) { return std::tie(d->file, d->line, d->column); };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](auto* a, auto* b) { return place(a) < place(b); });
  std::string text;
  for (const Diagnostic* diagnostic : sorted) text += base::concat(diagnostic->toString(), "\n");
  return text;
}

const Cursor::Node* Cursor::Node::child(std::string_view field, size_t element) const {
  for (const auto& [name, elements] : children) {
    if (name == field) return element < elements.size() ? elements[element] : nullptr;
  }
  return nullptr;
}

std::string Cursor::Node::path() const {
  if (parent == nullptr) return {};
  std::string text = parent->path();
  if (!text.empty()) text += '.';
  text += name;
  if (index >= 0) text += base::concat("[", index, "]");
  return text;
}

ParsedFile::File(std::string file_name, Diagnostics& diagnostics)
    : name(std::move(file_name)), diagnostics(diagnostics) {
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) folder = name.substr(0, slash + 1);
  nodes.emplace_back().file = this;
}

Cursor::Node& ParsedFile::addChild(Node& parent, std::string_view field, bool repeated) {
  Node& node = nodes.emplace_back();
  node.file = this;
  node.parent = &parent;
  node.name = field;
  auto found = std::find_if(parent.children.begin(), parent.children.end(),
                            [&](const auto& entry) { return entry.first == field; });
  if (found == parent.children.end()) {
    parent.children.push_back({field, {}});
    found = std::prev(parent.children.end());
  }
  if (repeated) node.index = static_cast<int>(found->second.size());
  found->second.push_back(&node);
  return node;
}

Cursor ParsedFile::rootCursor() const {
  return Cursor(std::shared_ptr<const Node>(std::shared_ptr<void>(), &nodes.front()));
}

namespace {

// A field that the file leaves out stands where its message begins.
std::shared_ptr<Cursor::Node> leftOut(const std::shared_ptr<const Cursor::Node>& parent,
                                      std::string_view name, int index) {
  auto node = std::make_shared<Cursor::Node>();
  node->file = parent->file;
  node->parent = parent.get();
  node->keep = parent;
  node->name = name;
  node->index = index;
  node->line = parent->line;
  node->column = parent->column;
  node->muted = parent->muted || std::find(parent->unread.begin(), parent->unread.end(), name) !=
                                     parent->unread.end();
  return node;
}

}  // namespace

Cursor Cursor::field(std::string_view name) const {
  const Node* child = node_->child(name, 0);
  if (child != nullptr && child->index < 0) {
    return Cursor(std::shared_ptr<const Node>(std::shared_ptr<void>(), child));
  }
  auto node = leftOut(node_, name, -1);
  if (child != nullptr) {  // a repeated field as a whole stands where its first element does
    node->line = child->line;
    node->column = child->column;
  }
  return Cursor(std::move(node));
}

Cursor Cursor::at(std::string_view name, int index) const {
  const Node* child = node_->child(name, static_cast<size_t>(index));
  if (child == nullptr) return Cursor(leftOut(node_, name, index));
  return Cursor(std::shared_ptr<const Node>(std::shared_ptr<void>(), child));
}

void Cursor::error(std::string what, std::string right) const {
  if (node_->muted) return;
  diagnostics().add({.file = node_->file->name,
                     .line = node_->line,
                     .column = node_->column,
                     .field_path = node_->path(),
                     .what = std::move(what),
                     .right = std::move(right)});
}

std::string Cursor::resolvePath(std::string_view path) const {
  if (path.starts_with('/')) return std::string(path);
  return base::concat(node_->file->folder, path);
}

Diagnostics& Cursor::diagnostics() const {
  return node_->file->diagnostics;
}

}  // namespace weir::config

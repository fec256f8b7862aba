#include "source/config/text_parser.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/strip.h"

#include "source/base/concat.h"
#include "source/config/extension_types.h"
#include "source/config/own_message.h"
#include "source/config/text_scalar.h"

namespace weir::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::io::Tokenizer;
using Node = Cursor::Node;

constexpr int kMaxDepth = 100;

std::vector<std::string> fieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

// The tokenizer's own findings: bad characters, open strings. Main-thread only.
class TokenErrors final : public google::protobuf::io::ErrorCollector {
 public:
  explicit TokenErrors(ParsedFile& file) : file_(file) {}
  void AddError(int line, int column, const std::string& message) override {
    file_.diagnostics.add({.file = file_.name,
                           .line = line + 1,
                           .column = column + 1,
                           .field_path = {},
                           .what = std::string(absl::StripSuffix(message, ".")),
                           .right = {}});
    any_ = true;
  }
  bool any() const { return any_; }

 private:
  ParsedFile& file_;
  bool any_ = false;
};

// One run over one text. A function that returns false has lost the structure and reported it.
// Main-thread only.
class TextParser {
 public:
  TextParser(std::string_view text, const base::Registry& registry, ParsedFile& file)
      : registry_(registry),
        file_(file),
        input_(text.data(), static_cast<int>(text.size())),
        errors_(file),
        tokens_(&input_, &errors_) {
    tokens_.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
    tokens_.set_allow_f_after_float(true);
    tokens_.set_require_space_after_number(false);
  }

  bool parse(Message& message, std::string_view only_field = {}) {
    only_field_ = only_field;
    tokens_.Next();
    return parseFields(message, file_.nodes.front(), "") && !errors_.any();
  }

 private:
  bool parseFields(Message& message, Node& node, std::string_view closing);
  bool parseField(Message& message, Node& node);
  bool parseKnownField(const FieldDescriptor& field, Message& message, Node& parent);
  bool mayBeSet(const FieldDescriptor& field, const Message& message, Node& parent);
  bool parseValues(const FieldDescriptor& field, Message& message, Node& parent);
  bool parseValue(const FieldDescriptor& field, Message& message, Node& parent);
  bool parseMessageValue(const FieldDescriptor& field, Message& message, Node& parent);
  bool parseScalarValue(const FieldDescriptor& field, Message& message, Node& parent);
  bool parseAny(google::protobuf::Any& any, Node& node, std::string_view closing);
  bool parseExtension(google::protobuf::Any& any, Node& node, const Tokenizer::Token& bracket);
  bool parseBracketed(std::string& text);

  bool skipFieldValue();
  bool skipValue();
  bool skipUntil(std::string_view closing);

  bool at(std::string_view symbol) { return tokens_.current().text == symbol; }
  bool atEnd() { return tokens_.current().type == Tokenizer::TYPE_END; }
  bool atMessage() { return at("{") || at("<"); }
  bool consume(std::string_view symbol) {
    if (!at(symbol)) return false;
    tokens_.Next();
    return true;
  }
  std::string_view openMessage() { return consume("<") ? ">" : (consume("{"), "}"); }
  std::string found() { return atEnd() ? "the end of the file" : tokens_.current().text; }

  // The token's place becomes the node's.
  void place(Node& node, const Tokenizer::Token& token) {
    node.line = token.line + 1;
    node.column = token.column + 1;
  }
  // Reports at the token; `field` of `node` counts as written.
  void report(Node& node, const Tokenizer::Token& token, std::string_view field, std::string what,
              std::string right = {});
  bool lost(Node& node, std::string what, std::string right = {}) {
    report(node, tokens_.current(), {}, std::move(what), std::move(right));
    return false;
  }

  const base::Registry& registry_;
  ParsedFile& file_;
  google::protobuf::io::ArrayInputStream input_;
  TokenErrors errors_;
  Tokenizer tokens_;
  Tokenizer::Token name_;        // of the field that is being read
  std::string_view only_field_;  // of the outermost message; empty: all
  int depth_ = 0;
};

void TextParser::report(Node& node, const Tokenizer::Token& token, std::string_view field,
                        std::string what, std::string right) {
  std::string path = node.path();
  if (!field.empty()) path += base::concat(path.empty() ? "" : ".", field);
  file_.diagnostics.add({.file = file_.name,
                         .line = token.line + 1,
                         .column = token.column + 1,
                         .field_path = std::move(path),
                         .what = std::move(what),
                         .right = std::move(right)});
  if (!field.empty()) node.unread.emplace_back(field);
}

bool TextParser::parseFields(Message& message, Node& node, std::string_view closing) {
  if (++depth_ > kMaxDepth) return lost(node, "messages are nested too deeply");
  while (!at(closing)) {
    if (atEnd()) {
      return lost(node, "the file ends within a message",
                  base::concat("close what was opened at line ", node.line, " with ", closing));
    }
    if (!parseField(message, node)) return false;
  }
  --depth_;
  if (!closing.empty()) tokens_.Next();
  return true;
}

bool TextParser::parseField(Message& message, Node& node) {
  const Tokenizer::Token name = tokens_.current();
  if (name.type != Tokenizer::TYPE_IDENTIFIER) {
    return lost(node, base::concat("expected a field's name, found ", found()),
                at("}") || at(">") ? "a closing brace too many?" : "");
  }
  tokens_.Next();
  name_ = name;
  const Descriptor& type = *message.GetDescriptor();
  if (depth_ == 1 && !only_field_.empty() && name.text != only_field_) {
    if (!skipFieldValue()) return lost(node, base::concat("expected a value, found ", found()));
  } else if (const FieldDescriptor* field = type.FindFieldByName(name.text)) {
    if (!parseKnownField(*field, message, node)) return false;
  } else {
    const std::vector<std::string> known = fieldNames(type);
    report(node, name, name.text, base::concat(type.name(), " has no field \"", name.text, "\""),
           suggestion(name.text, known));
    if (const std::string meant = nearestOf(name.text, known); !meant.empty()) {
      node.unread.push_back(meant);
    }
    if (!skipFieldValue()) return lost(node, base::concat("expected a value, found ", found()));
  }
  if (!consume(";")) consume(",");
  return true;
}

bool TextParser::parseKnownField(const FieldDescriptor& field, Message& message, Node& parent) {
  if (!mayBeSet(field, message, parent)) {
    return skipFieldValue() || lost(parent, base::concat("expected a value, found ", found()));
  }
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  const bool colon = consume(":");
  if (!colon && !is_message && !atMessage()) {
    return lost(parent, base::concat("expected \":\" after ", field.name(), ", found ", found()),
                base::concat("write ", field.name(), ": VALUE"));
  }
  return parseValues(field, message, parent);
}

// Twice the same, or a second member of a oneof, is a mistake rather than an override.
bool TextParser::mayBeSet(const FieldDescriptor& field, const Message& message, Node& parent) {
  if (field.is_repeated()) return true;
  if (const Node* first = parent.child(field.name(), 0)) {
    report(parent, name_, field.name(), "is given twice",
           base::concat("the first is at line ", first->line));
    return false;
  }
  const auto* oneof = field.real_containing_oneof();
  if (oneof == nullptr || !message.GetReflection()->HasOneof(message, oneof)) return true;
  const FieldDescriptor* other = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  report(parent, name_, field.name(), base::concat("cannot stand beside \"", other->name(), "\""),
         "give only one of them");
  return false;
}

bool TextParser::parseValues(const FieldDescriptor& field, Message& message, Node& parent) {
  if (!at("[") || !field.is_repeated()) return parseValue(field, message, parent);
  tokens_.Next();
  if (consume("]")) return true;
  do {
    name_ = tokens_.current();
    if (!parseValue(field, message, parent)) return false;
  } while (consume(","));
  if (consume("]")) return true;
  return lost(parent, base::concat("expected \",\" or \"]\", found ", found()));
}

bool TextParser::parseValue(const FieldDescriptor& field, Message& message, Node& parent) {
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (is_message == atMessage()) {
    return is_message ? parseMessageValue(field, message, parent)
                      : parseScalarValue(field, message, parent);
  }
  const Tokenizer::Token value = tokens_.current();
  const std::string shown = found();
  if (!skipValue()) return lost(parent, base::concat("expected a value, found ", found()));
  report(parent, value, field.name(),
         is_message ? base::concat("is a message, found ", shown) : "is not a message",
         is_message ? messageForm(field) : base::concat("write ", field.name(), ": VALUE"));
  return true;
}

bool TextParser::parseMessageValue(const FieldDescriptor& field, Message& message, Node& parent) {
  Node& node = file_.addChild(parent, field.name(), field.is_repeated());
  place(node, name_);
  const Reflection& reflection = *message.GetReflection();
  Message* value = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                       : reflection.MutableMessage(&message, &field);
  const std::string_view closing = openMessage();
  auto* any = dynamic_cast<google::protobuf::Any*>(value);
  return any == nullptr ? parseFields(*value, node, closing) : parseAny(*any, node, closing);
}

bool TextParser::parseScalarValue(const FieldDescriptor& field, Message& message, Node& parent) {
  const Tokenizer::Token first = tokens_.current();
  const ScalarText text = readScalar(tokens_);
  if (text.kind == ScalarText::Kind::kNone) {
    return lost(parent, base::concat("expected a value, found ", found()));
  }
  const ScalarError error = setScalar(text, field, message);
  if (!error.what.empty()) {
    report(parent, first, field.name(), error.what, error.right);
    return true;
  }
  place(file_.addChild(parent, field.name(), field.is_repeated()), first);
  return true;
}

bool TextParser::parseAny(google::protobuf::Any& any, Node& node, std::string_view closing) {
  const Tokenizer::Token bracket = tokens_.current();
  place(node, bracket);
  if (!at("[")) {
    report(node, bracket, {}, base::concat("expected an extension, found ", found()),
           "write [category/name] { … }");
    node.muted = true;
    return skipUntil(closing) || lost(node, "the file ends within a message");
  }
  if (!parseExtension(any, node, bracket)) return false;
  if (consume(closing)) return true;
  return lost(node, base::concat("expected ", closing, ", found ", found()),
              "one field has one extension");
}

bool TextParser::parseExtension(google::protobuf::Any& any, Node& node,
                                const Tokenizer::Token& bracket) {
  std::string bracketed;
  if (!parseBracketed(bracketed)) {
    return lost(node, base::concat("expected an extension's name, found ", found()),
                "write [category/name] { … }");
  }
  consume(":");
  if (!atMessage()) return lost(node, base::concat("expected \"{\", found ", found()));

  const ExtensionType type = resolveExtensionType(registry_, bracketed);
  const Message* const prototype =
      type.extension == nullptr ? nullptr : prototypeOf(*type.extension);
  if (prototype == nullptr) {
    report(node, bracket, {},
           type.what.empty() ? base::concat("the message of ", bracketed, " is not in this program")
                             : type.what,
           type.right);
    node.muted = true;
    return skipValue() || lost(node, "the file ends within a message");
  }
  const std::unique_ptr<Message> content(prototype->New());
  if (!parseFields(*content, node, openMessage())) return false;
  any.set_type_url(base::concat(kTypeUrlPrefix, type.config_type));
  content->SerializeToString(any.mutable_value());
  return true;
}

bool TextParser::parseBracketed(std::string& text) {
  tokens_.Next();
  while (!at("]")) {
    if (tokens_.current().type != Tokenizer::TYPE_IDENTIFIER && !at(".") && !at("/")) return false;
    text += tokens_.current().text;
    tokens_.Next();
  }
  tokens_.Next();
  return !text.empty();
}

bool TextParser::skipFieldValue() {
  consume(":");
  return skipValue();
}

bool TextParser::skipValue() {
  if (atMessage()) return skipUntil(openMessage());
  if (consume("[")) return skipUntil("]");
  return readScalar(tokens_).kind != ScalarText::Kind::kNone;
}

// To behind `closing`, which belongs to the innermost open brace. Leaves what closes an outer one.
bool TextParser::skipUntil(std::string_view closing) {
  std::vector<std::string_view> open{closing};
  for (; !atEnd(); tokens_.Next()) {
    if (at("{")) open.push_back("}");
    if (at("<")) open.push_back(">");
    if (at("[")) open.push_back("]");
    if (!at(open.back())) continue;
    open.pop_back();
    if (open.empty()) {
      tokens_.Next();
      return true;
    }
  }
  return false;
}

}  // namespace

bool parseText(std::string_view text, const base::Registry& registry, ParsedFile& file,
               Message& message) {
  return parseField(text, {}, registry, file, message);
}

bool parseField(std::string_view text, std::string_view field, const base::Registry& registry,
                ParsedFile& file, Message& message) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
  return TextParser(text, registry, file).parse(message, field);
}

}  // namespace weir::config

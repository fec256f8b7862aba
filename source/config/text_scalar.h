#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class FieldDescriptor;
class Message;
namespace io {
class Tokenizer;
}
}  // namespace google::protobuf

namespace weir::config {

// A value that is not a message, as it stands in the text.
struct ScalarText {
  enum class Kind { kNone, kWord, kInteger, kFloat, kString };
  Kind kind = Kind::kNone;
  bool negative = false;
  std::string text;  // strings: decoded and joined

  std::string shown() const;  // as in messages
};

// Takes the value at the tokenizer's place; kNone, and nothing taken, when there is none.
ScalarText readScalar(google::protobuf::io::Tokenizer& tokens);

struct ScalarError {
  std::string what;  // empty: all is well
  std::string right;
};

// Sets the field, or adds to it when it is repeated, if the value is of its type.
ScalarError setScalar(const ScalarText& value, const google::protobuf::FieldDescriptor& field,
                      google::protobuf::Message& message);

// How a value of a message field is written, for messages: "write timeout { seconds: 5 }".
std::string messageForm(const google::protobuf::FieldDescriptor& field);

// The nearest of `known`, or empty.
std::string nearestOf(std::string_view word, const std::vector<std::string>& known);

}  // namespace weir::config

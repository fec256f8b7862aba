#include "source/config/text_scalar.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/suggest.h"
#include "source/base/utf8.h"
#include "source/config/extension_types.h"

namespace weir::config {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::io::Tokenizer;
using Kind = ScalarText::Kind;

// Reflection's Set and Add as one: the field decides.
struct Target {
  const FieldDescriptor& field;
  Message& message;

  template <class T>
  using Setter = void (Reflection::*)(Message*, const FieldDescriptor*, T) const;

  template <class T>
  ScalarError put(Setter<T> set, Setter<T> add, T value) const {
    const Reflection& reflection = *message.GetReflection();
    (reflection.*(field.is_repeated() ? add : set))(&message, &field, std::move(value));
    return {};
  }
};

template <class T>
ScalarError outOfRange(const ScalarText& value) {
  return {.what = base::concat(value.shown(), " is out of range"),
          .right = base::concat("it must be ", std::numeric_limits<T>::min(), " to ",
                                std::numeric_limits<T>::max())};
}

template <class T>
ScalarError readInteger(const ScalarText& value, T& out) {
  if (value.kind != Kind::kInteger) {
    return {.what = base::concat("expected an integer, found ", value.shown()), .right = {}};
  }
  uint64_t magnitude = 0;
  const bool signed_type = std::numeric_limits<T>::is_signed;
  const uint64_t most = static_cast<uint64_t>(std::numeric_limits<T>::max()) +
                        (value.negative && signed_type ? 1 : 0);
  if (!Tokenizer::ParseInteger(value.text, most, &magnitude)) return outOfRange<T>(value);
  if (value.negative && !signed_type && magnitude != 0) return outOfRange<T>(value);
  out = static_cast<T>(value.negative ? 0 - magnitude : magnitude);
  return {};
}

template <class T>
ScalarError putInteger(const ScalarText& value, const Target& target, Target::Setter<T> set,
                       Target::Setter<T> add) {
  T number = 0;
  ScalarError error = readInteger(value, number);
  return error.what.empty() ? target.put(set, add, number) : error;
}

ScalarError putBool(const ScalarText& value, const Target& target) {
  std::optional<bool> flag;
  if (value.kind == Kind::kWord && !value.negative) {
    if (value.text == "true" || value.text == "True" || value.text == "t") flag = true;
    if (value.text == "false" || value.text == "False" || value.text == "f") flag = false;
  }
  if (uint32_t number = 0; value.kind == Kind::kInteger) {
    if (readInteger(value, number).what.empty() && number <= 1) flag = number == 1;
  }
  if (!flag) {
    return {.what = base::concat("expected true or false, found ", value.shown()), .right = {}};
  }
  return target.put(&Reflection::SetBool, &Reflection::AddBool, *flag);
}

ScalarError putString(const ScalarText& value, const Target& target) {
  if (value.kind != Kind::kString) {
    return {.what = base::concat("expected text, found ", value.shown()),
            .right = base::concat("write it in quotes: ", target.field.name(), ": \"",
                                  value.negative ? "-" : "", value.text, "\"")};
  }
  if (target.field.type() == FieldDescriptor::TYPE_STRING && !base::isUtf8(value.text)) {
    return {.what = "is not UTF-8", .right = "save the file as UTF-8"};
  }
  return target.put<std::string>(&Reflection::SetString, &Reflection::AddString, value.text);
}

// Zero stands for "not given" and is not offered.
std::vector<std::string> valueNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name());
  }
  return names;
}

// Without the prefix that all values share: "info" is probably LEVEL_INFO.
std::string meantValue(std::string_view word, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (base::endsWithIgnoreCase(name, base::concat("_", word))) return name;
  }
  return std::string(word);
}

ScalarError putEnum(const ScalarText& value, const Target& target) {
  const EnumDescriptor& type = *target.field.enum_type();
  const EnumValueDescriptor* found = nullptr;
  if (int32_t number = 0; value.kind == Kind::kInteger) {
    if (readInteger(value, number).what.empty()) found = type.FindValueByNumber(number);
  } else if (value.kind == Kind::kWord && !value.negative) {
    found = type.FindValueByName(value.text);
  }
  if (found != nullptr) {
    return target.put(&Reflection::SetEnum, &Reflection::AddEnum, found);
  }
  const std::vector<std::string> names = valueNames(type);
  return {.what = base::concat("there is no ", type.name(), " ", value.shown()),
          .right = suggestion(meantValue(value.text, names), names)};
}

template <class T>
ScalarError putReal(const ScalarText& value, const Target& target, Target::Setter<T> set,
                    Target::Setter<T> add) {
  double number = 0;
  if (value.kind == Kind::kFloat) {
    number = Tokenizer::ParseFloat(value.text);
  } else if (uint64_t integer = 0; value.kind == Kind::kInteger &&
                                   Tokenizer::ParseInteger(value.text, UINT64_MAX, &integer)) {
    number = static_cast<double>(integer);
  } else {
    return {.what = base::concat("expected a number, found ", value.shown()), .right = {}};
  }
  return target.put(set, add, static_cast<T>(value.negative ? -number : number));
}

}  // namespace

std::string ScalarText::shown() const {
  if (kind == Kind::kString) return base::concat("\"", text, "\"");
  return base::concat(negative ? "-" : "", text);
}

ScalarText readScalar(Tokenizer& tokens) {
  ScalarText value;
  if (tokens.current().text == "-") {
    value.negative = true;
    tokens.Next();
  }
  switch (tokens.current().type) {
    case Tokenizer::TYPE_IDENTIFIER:
      value.kind = Kind::kWord;
      break;
    case Tokenizer::TYPE_INTEGER:
      value.kind = Kind::kInteger;
      break;
    case Tokenizer::TYPE_FLOAT:
      value.kind = Kind::kFloat;
      break;
    case Tokenizer::TYPE_STRING:
      if (value.negative) return value;
      value.kind = Kind::kString;
      for (; tokens.current().type == Tokenizer::TYPE_STRING; tokens.Next()) {
        Tokenizer::ParseStringAppend(tokens.current().text, &value.text);
      }
      return value;
    default:
      return value;
  }
  value.text = tokens.current().text;
  tokens.Next();
  return value;
}

ScalarError setScalar(const ScalarText& value, const FieldDescriptor& field, Message& message) {
  using R = Reflection;
  const Target target{field, message};
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return putInteger<int32_t>(value, target, &R::SetInt32, &R::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return putInteger<int64_t>(value, target, &R::SetInt64, &R::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return putInteger<uint32_t>(value, target, &R::SetUInt32, &R::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return putInteger<uint64_t>(value, target, &R::SetUInt64, &R::AddUInt64);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return putReal<float>(value, target, &R::SetFloat, &R::AddFloat);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return putReal<double>(value, target, &R::SetDouble, &R::AddDouble);
    case FieldDescriptor::CPPTYPE_BOOL:
      return putBool(value, target);
    case FieldDescriptor::CPPTYPE_ENUM:
      return putEnum(value, target);
    case FieldDescriptor::CPPTYPE_STRING:
      return putString(value, target);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return {.what = "is a message", .right = messageForm(field)};
}

std::string messageForm(const FieldDescriptor& field) {
  const bool duration = field.message_type()->full_name() == "google.protobuf.Duration";
  return base::concat("write ", field.name(), duration ? " { seconds: 5 }" : " { … }");
}

std::string nearestOf(std::string_view word, const std::vector<std::string>& known) {
  return base::closest(word, known);
}

}  // namespace weir::config

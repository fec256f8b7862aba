#include "source/plugin/config_source.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <charconv>

#include "source/base/concat.h"
#include "source/plugin/config_type.h"

namespace weir::plugin {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// What a path leads to. `field` null: nothing.
struct Place {
  const Message* message = nullptr;
  const FieldDescriptor* field = nullptr;
  int index = -1;  // of an element; -1: the field itself
};

// "name" or "name[3]". False: it is neither.
bool splitStep(std::string_view step, std::string_view& name, int& index) {
  const size_t bracket = step.find('[');
  name = step.substr(0, bracket);
  index = -1;
  if (bracket == std::string_view::npos) return true;
  const char* const end = step.data() + step.size();
  const auto [stop, error] = std::from_chars(step.data() + bracket + 1, end, index);
  return error == std::errc() && stop + 1 == end && *stop == ']' && index >= 0;
}

// An element that is not there leads nowhere; a message that is not given has its defaults.
Place find(const Message& root, std::string_view path) {
  const Message* message = &root;
  while (true) {
    const size_t dot = path.find('.');
    std::string_view name;
    int index = -1;
    if (!splitStep(path.substr(0, dot), name, index)) return {};
    const FieldDescriptor* const field =
        message->GetDescriptor()->FindFieldByName(std::string(name));
    if (field == nullptr || (index >= 0 && !field->is_repeated())) return {};
    const Reflection& reflection = *message->GetReflection();
    if (index >= 0 && index >= reflection.FieldSize(*message, field)) return {};
    if (dot == std::string_view::npos) return {message, field, index};
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return {};
    if (field->is_repeated() && index < 0) return {};
    message = index >= 0 ? &reflection.GetRepeatedMessage(*message, field, index)
                         : &reflection.GetMessage(*message, field);
    path.remove_prefix(dot + 1);
  }
}

std::string enumText(int number, const FieldDescriptor& field) {
  const auto* const value = field.enum_type()->FindValueByNumber(number);
  return value == nullptr ? base::concat(number) : value->name();
}

std::string scalarText(const Place& place) {
  const Message& m = *place.message;
  const FieldDescriptor* const f = place.field;
  const Reflection& r = *m.GetReflection();
  const int i = place.index;
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return base::concat(i < 0 ? r.GetInt32(m, f) : r.GetRepeatedInt32(m, f, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return base::concat(i < 0 ? r.GetInt64(m, f) : r.GetRepeatedInt64(m, f, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return base::concat(i < 0 ? r.GetUInt32(m, f) : r.GetRepeatedUInt32(m, f, i));
    case FieldDescriptor::CPPTYPE_UINT64:
      return base::concat(i < 0 ? r.GetUInt64(m, f) : r.GetRepeatedUInt64(m, f, i));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return base::concat(i < 0 ? r.GetDouble(m, f) : r.GetRepeatedDouble(m, f, i));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return base::concat(i < 0 ? r.GetFloat(m, f) : r.GetRepeatedFloat(m, f, i));
    case FieldDescriptor::CPPTYPE_BOOL:
      return base::concat(i < 0 ? r.GetBool(m, f) : r.GetRepeatedBool(m, f, i));
    case FieldDescriptor::CPPTYPE_ENUM:
      return enumText(i < 0 ? r.GetEnumValue(m, f) : r.GetRepeatedEnumValue(m, f, i), *f);
    case FieldDescriptor::CPPTYPE_STRING:
      return i < 0 ? r.GetString(m, f) : r.GetRepeatedString(m, f, i);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return {};
}

}  // namespace

std::string_view ConfigSource::text() {
  if (kind_.configType().isText()) return value("text").text;
  std::string text;
  google::protobuf::TextFormat::PrintToString(message_, &text);
  return keep(std::move(text));
}

std::string_view ConfigSource::bytes() {
  return keep(message_.SerializeAsString());
}

ConfigSource::Value ConfigSource::value(std::string_view path) {
  const Place place = find(message_, path);
  if (place.field == nullptr || place.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
    return {};
  if (place.field->is_repeated() && place.index < 0) return {};
  const bool given =
      place.index >= 0 || place.message->GetReflection()->HasField(*place.message, place.field);
  return {true, given, keep(scalarText(place))};
}

int64_t ConfigSource::count(std::string_view path) const {
  const Place place = find(message_, path);
  if (place.field == nullptr) return -1;
  const Reflection& reflection = *place.message->GetReflection();
  if (place.index >= 0) return 1;
  if (place.field->is_repeated()) return reflection.FieldSize(*place.message, place.field);
  return reflection.HasField(*place.message, place.field) ? 1 : 0;
}

}  // namespace weir::plugin

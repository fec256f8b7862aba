#include "source/config/describe.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "source/base/concat.h"
#include "source/config/own_message.h"

namespace weir::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string typeName(const FieldDescriptor& field) {
  if (field.is_map()) {
    const Descriptor& entry = *field.message_type();
    return base::concat("map<", typeName(*entry.FindFieldByName("key")), ", ",
                        typeName(*entry.FindFieldByName("value")), ">");
  }
  std::string name;
  if (field.message_type() != nullptr) {
    name = field.message_type()->full_name();
  } else if (field.enum_type() != nullptr) {
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      name += base::concat(i == 0 ? "" : " | ", field.enum_type()->value(i)->name());
    }
  } else {
    name = field.type_name();
  }
  return base::concat(field.is_repeated() ? "repeated " : "", name);
}

// Messages of the same package are shown with their fields, below the field that has them; others
// are in the configuration reference.
void appendFields(const Descriptor& type, const Descriptor& root, int depth, std::string& text) {
  constexpr int kMaxDepth = 4;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    text += base::concat(std::string(static_cast<size_t>(4 + 2 * depth), ' '), field.name(), ": ",
                         typeName(field), "\n");
    const Descriptor* inner = field.is_map() ? nullptr : field.message_type();
    if (inner != nullptr && inner->file() == root.file() && depth < kMaxDepth) {
      appendFields(*inner, root, depth + 1, text);
    }
  }
}

}  // namespace

std::string describeExtensions(const base::Registry& registry) {
  std::string text;
  for (const base::Extension* extension : registry.entries()) {
    text += base::concat(extension->category(), "/", extension->name(), "\n  ",
                         extension->configType(), "\n");
    if (const auto* own = dynamic_cast<const OwnMessage*>(extension)) {
      text += base::concat("  ", own->origin(), "\n");
    }
    if (const auto* message = prototypeOf(*extension)) {
      appendFields(*message->GetDescriptor(), *message->GetDescriptor(), 0, text);
    }
  }
  return text;
}

}  // namespace weir::config

#pragma once

#include <string>

#include "source/base/registry.h"

namespace google::protobuf {
class Message;
}

namespace weir::config {

// An extension that brings its configuration message along, as this program was not built with it:
// a plugin's. Immutable.
class OwnMessage {
 public:
  // Of the type that Extension::configType() names; lives as long as the extension.
  virtual const google::protobuf::Message& prototype() const = 0;
  // Where the extension comes from: "plugin auth 1.4.2 (/usr/lib/weir/auth.so)".
  virtual std::string origin() const = 0;

 protected:
  ~OwnMessage() = default;
};

// The message that configures `extension`; null when it is not to be had.
const google::protobuf::Message* prototypeOf(const base::Extension& extension);

}  // namespace weir::config

#pragma once

#include <memory>
#include <vector>

#include "source/config/extensions.h"
#include "source/http/access_log.h"

namespace google::protobuf {
template <class T>
class RepeatedPtrField;
}

namespace weir::config {

namespace v1 {
class ConditionalAccessLog;
}

// Adds what `from`, the field conditional_access_logs of the message at `at`, says to `to`. Where
// CompileContext::logs_connections says so, conditions on HTTP are refused.
void compileConditionalLogs(
    const google::protobuf::RepeatedPtrField<v1::ConditionalAccessLog>& from, const Cursor& at,
    CompileContext& context, std::vector<std::shared_ptr<const http::AccessLoggerFactory>>& to);

}  // namespace weir::config

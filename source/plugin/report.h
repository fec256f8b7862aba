#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/plugin/structs.h"

namespace weir::plugin {

// What a plugin finds wrong while it is loaded or configured: what a weir_report stands for.
// Main-thread only.
class Report {
 public:
  // More are not kept: whoever needs more has lost count.
  static constexpr size_t kMost = 100;
  static constexpr size_t kMostBytes = 1000;  // of a text

  void add(std::string_view field, std::string_view what, std::string_view right);
  bool empty() const { return findings_.empty(); }
  // "limits.rate: is negative; give at least 1; …"
  std::string text() const;
  // At the fields below `at`, which is a message.
  void reportAt(const config::Cursor& at) const;

  weir_report* handle() { return reinterpret_cast<weir_report*>(this); }
  static Report& of(weir_report* handle) { return *reinterpret_cast<Report*>(handle); }

 private:
  struct Finding {
    std::string field, what, right;
  };
  std::vector<Finding> findings_;
};

}  // namespace weir::plugin

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir::base {

// Bounds on what a pattern may cost. Matching time is linear in the text whatever the pattern.
struct RegexLimits {
  int max_program_size = 10'000;      // instructions of the compiled pattern
  size_t max_memory_bytes = 8 << 20;  // for program and automaton, each pattern or set
};

// A compiled regular expression in RE2's syntax, over bytes (Latin-1: any byte matches). Immutable;
// copies share the program.
class Regex {
 public:
  // The error says what is wrong and where in the pattern.
  static absl::StatusOr<Regex> compile(std::string_view pattern, const RegexLimits& limits = {});

  bool fullMatch(std::string_view text) const;
  bool partialMatch(std::string_view text) const;
  // Capture groups, without group 0.
  int groups() const;
  // Whether `rewrite` (\0 … \9 stand for groups, \\ for a backslash) suits the pattern.
  absl::Status checkRewrite(std::string_view rewrite) const;
  // `text` with every match replaced, or the first one. A rewrite that does not suit changes
  // nothing.
  std::string replaceAll(std::string_view text, std::string_view rewrite) const;
  std::string replaceFirst(std::string_view text, std::string_view rewrite) const;
  const std::string& pattern() const;

 private:
  struct Program;
  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

// Many patterns, matched in one pass over the text; each must match the whole of it. Immutable;
// copies share the program.
class RegexSet {
 public:
  // The error names the pattern's index. An empty set matches nothing.
  static absl::StatusOr<RegexSet> compile(std::span<const std::string> patterns,
                                          const RegexLimits& limits = {});

  // Fills `indices` with the patterns that match, ascending; whether there are any. `indices` keeps
  // its capacity; RE2 itself allocates one small set per call with two patterns or more.
  // Thread-safe.
  bool match(std::string_view text, std::vector<int>& indices) const;
  size_t size() const;

 private:
  struct Programs;
  explicit RegexSet(std::shared_ptr<const Programs> programs) : programs_(std::move(programs)) {}
  std::shared_ptr<const Programs> programs_;
};

}  // namespace weir::base

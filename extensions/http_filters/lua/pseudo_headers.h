#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "extensions/http_filters/lua/bindings.h"

// The parts of a head that scripts see among its fields.
namespace weir::extensions::http_filters::lua {

enum class Pseudo : uint8_t { kNone, kMethod, kScheme, kAuthority, kPath, kStatus };

inline constexpr std::array<std::string_view, 6> kPseudoNames = {
    "", ":method", ":scheme", ":authority", ":path", ":status"};

// Which part of the head a name stands for. Host is another name of :authority.
Pseudo pseudoOf(const Fields& fields, std::string_view name);
// Pushes a part of the head; an absent one is nil.
void pushPseudo(lua_State* L, const Fields& fields, Pseudo part);
// Null, or why not.
const char* setPseudo(Fields& fields, Pseudo part, std::string_view value);

}  // namespace weir::extensions::http_filters::lua

// Allowed values of login parameters, from the query of /bff/login and from an upstream's step-up challenge.

export const LOGIN_SHAPES = {
  prompt: /^(none|create|(login|consent|select_account)( (login|consent|select_account)){0,2})$/,
  login_hint: /^\P{Cc}{1,256}$/u,
  ui_locales: /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}( [A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}){0,9}$/,
  acr_values: /^[\w.:/-]{1,128}( [\w.:/-]{1,128}){0,4}$/,
  max_age: /^\d{1,8}$/,
  kc_idp_hint: /^[\w.-]{1,128}$/,
} as const;

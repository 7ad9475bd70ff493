#!/usr/bin/env node
// npm create cloakroom.

  input "source" {
    source    = "postgres.{{domain}}.{{name}}"
    frequency = "{{frequency}}"
  }

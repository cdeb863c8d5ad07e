  # What it is made of: products of this mesh, each with the majors that it can take. `mesh search` finds them.
  input "first" {
    source    = "{{domain}}/first_part@^1"
    frequency = "{{frequency}}"
  }
  input "second" {
    source    = "{{domain}}/second_part@^1"
    frequency = "{{frequency}}"
  }
